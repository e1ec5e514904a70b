import java.io.FileInputStream;
import java.net.URL;
import java.security.KeyStore;
import java.security.Provider;
import java.security.Security;
import java.security.Signature;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Collections;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Logs in to a site with the token: Client CONFIGURATION PIN CA URL. */
public class Client {
	public static void main(String[] a) throws Exception {
		Provider provider = Security.getProvider("SunPKCS11").configure(a[0]);
		Security.addProvider(provider);
		KeyStore token = KeyStore.getInstance("PKCS11", provider);
		token.load(null, a[1].toCharArray());
		for (String alias : Collections.list(token.aliases())) {
			System.out.println("alias " + alias + " key " + token.isKeyEntry(alias));
			if (!token.isKeyEntry(alias))
				continue;
			for (String algorithm : new String[] {"SHA256withRSA", "SHA384withRSA", "SHA512withRSA", "SHA1withRSA"}) {
				Signature s = Signature.getInstance(algorithm, provider);
				s.initSign((PrivateKey) token.getKey(alias, null));
				s.update("message".getBytes());
				byte[] signature = s.sign();
				Signature v = Signature.getInstance(algorithm, "SunRsaSign");
				v.initVerify(token.getCertificate(alias));
				v.update("message".getBytes());
				System.out.println(algorithm + " " + v.verify(signature));
			}
		}
		KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
		keys.init(token, null);
		KeyStore cas = KeyStore.getInstance("PKCS12");
		cas.load(null, null);
		try (FileInputStream in = new FileInputStream(a[2])) {
			Certificate ca = CertificateFactory.getInstance("X.509").generateCertificate(in);
			cas.setCertificateEntry("ca", ca);
		}
		TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
		trust.init(cas);
		SSLContext tls = SSLContext.getInstance("TLS");
		tls.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
		HttpsURLConnection c = (HttpsURLConnection) new URL(a[3]).openConnection();
		c.setSSLSocketFactory(tls.getSocketFactory());
		System.out.println("status " + c.getResponseCode() + " " + c.getCipherSuite());
	}
}
