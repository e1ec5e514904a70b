package xades

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// Examples of the recommendations: Canonical XML 1.0 §3.1 to §3.4 without what their
// document types add, Exclusive XML Canonicalization 1.0 §2.2.
func TestCanonical(t *testing.T) {
	const outer = `<n0:local xmlns:n0="foo:bar" xmlns:n3="ftp://example.org"><n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2></n0:local>`
	const exclusive2 = `<n2:pdu xmlns:n1="http://example.com" xmlns:n2="http://foo.example" xml:lang="fr" xml:space="retain"><n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2></n2:pdu>`
	for _, tt := range []struct {
		name, file, apex string
		form             canonical
		want             string
	}{
		{
			"3.1 beside the root", "<?xml version=\"1.0\"?>\n\n<?xml-stylesheet   href=\"doc.xsl\"\n   type=\"text/xsl\"   ?>\n\n<doc>Hello, world!<!-- Comment 1 --></doc>\n\n<?pi-without-data     ?>\n\n<!-- Comment 2 -->\n\n<!-- Comment 3 -->\n", "",
			canonical{},
			"<?xml-stylesheet href=\"doc.xsl\"\n   type=\"text/xsl\"   ?>\n<doc>Hello, world!</doc>\n<?pi-without-data?>",
		},
		{
			"3.1 with comments", "<?xml version=\"1.0\"?>\n\n<?xml-stylesheet   href=\"doc.xsl\"\n   type=\"text/xsl\"   ?>\n\n<doc>Hello, world!<!-- Comment 1 --></doc>\n\n<?pi-without-data     ?>\n\n<!-- Comment 2 -->\n\n<!-- Comment 3 -->\n", "",
			canonical{comments: true},
			"<?xml-stylesheet href=\"doc.xsl\"\n   type=\"text/xsl\"   ?>\n<doc>Hello, world!<!-- Comment 1 --></doc>\n<?pi-without-data?>\n<!-- Comment 2 -->\n<!-- Comment 3 -->",
		},
		{
			"3.2 white space", "<doc>\n   <clean>   </clean>\n   <dirty>   A   B   </dirty>\n   <mixed>\n      A\n      <clean>   </clean>\n   </mixed>\n</doc>", "",
			canonical{},
			"<doc>\n   <clean>   </clean>\n   <dirty>   A   B   </dirty>\n   <mixed>\n      A\n      <clean>   </clean>\n   </mixed>\n</doc>",
		},
		{
			"3.3 tags", "<doc>\n   <e1   />\n   <e2   ></e2>\n   <e3   name = \"elem3\"   id=\"elem3\"   />\n   <e5 a:attr=\"out\" b:attr=\"sorted\" attr2=\"all\" attr=\"I'm\"\n      xmlns:b=\"http://www.ietf.org\"\n      xmlns:a=\"http://www.w3.org\"\n      xmlns=\"http://example.org\"/>\n   <e6 xmlns=\"\" xmlns:a=\"http://www.w3.org\">\n      <e7 xmlns=\"http://www.ietf.org\">\n         <e8 xmlns=\"\" xmlns:a=\"http://www.w3.org\">\n            <e9 xmlns=\"\" xmlns:a=\"http://www.ietf.org\"/>\n         </e8>\n      </e7>\n   </e6>\n</doc>", "",
			canonical{},
			"<doc>\n   <e1></e1>\n   <e2></e2>\n   <e3 id=\"elem3\" name=\"elem3\"></e3>\n   <e5 xmlns=\"http://example.org\" xmlns:a=\"http://www.w3.org\" xmlns:b=\"http://www.ietf.org\" attr=\"I'm\" attr2=\"all\" b:attr=\"sorted\" a:attr=\"out\"></e5>\n   <e6 xmlns:a=\"http://www.w3.org\">\n      <e7 xmlns=\"http://www.ietf.org\">\n         <e8 xmlns=\"\">\n            <e9 xmlns:a=\"http://www.ietf.org\"></e9>\n         </e8>\n      </e7>\n   </e6>\n</doc>",
		},
		{
			"3.4 characters", "<doc>\n   <text>First line&#x0d;&#10;Second line</text>\n   <value>&#x32;</value>\n   <compute><![CDATA[value>\"0\" && value<\"10\" ?\"valid\":\"error\"]]></compute>\n   <compute expr='value>\"0\" &amp;&amp; value&lt;\"10\" ?\"valid\":\"error\"'>valid</compute>\n</doc>", "",
			canonical{},
			"<doc>\n   <text>First line&#xD;\nSecond line</text>\n   <value>2</value>\n   <compute>value&gt;\"0\" &amp;&amp; value&lt;\"10\" ?\"valid\":\"error\"</compute>\n   <compute expr=\"value>&quot;0&quot; &amp;&amp; value&lt;&quot;10&quot; ?&quot;valid&quot;:&quot;error&quot;\">valid</compute>\n</doc>",
		},
		{"2.2 inclusive, first", outer, "elem2", canonical{}, `<n1:elem2 xmlns:n0="foo:bar" xmlns:n1="http://example.net" xmlns:n3="ftp://example.org" xml:lang="en"><n3:stuff></n3:stuff></n1:elem2>`},
		{"2.2 inclusive, second", exclusive2, "elem2", canonical{}, `<n1:elem2 xmlns:n1="http://example.net" xmlns:n2="http://foo.example" xml:lang="en" xml:space="retain"><n3:stuff xmlns:n3="ftp://example.org"></n3:stuff></n1:elem2>`},
		{"2.2 exclusive, first", outer, "elem2", canonical{exclusive: true}, `<n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"></n3:stuff></n1:elem2>`},
		{"2.2 exclusive, second", exclusive2, "elem2", canonical{exclusive: true}, `<n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"></n3:stuff></n1:elem2>`},
	} {
		d, err := parse([]byte(tt.file))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		set := nodeSet{document: d.tree, apex: d.root, comments: true}
		if tt.apex != "" {
			set = nodeSet{apex: d.tree.FindElement("//" + tt.apex)}
		}
		var b bytes.Buffer
		if err := tt.form.write(&b, set); err != nil || b.String() != tt.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", tt.name, err, b.String(), tt.want)
		}
	}
}

// Many levels cost no more than many elements.
func TestCanonicalOfDeepFile(t *testing.T) {
	file := strings.Repeat("<a>", maxDepth-2) + strings.Repeat("<b/>", 20000) + strings.Repeat("</a>", maxDepth-2)
	d, err := parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := (canonical{}).write(&b, nodeSet{document: d.tree, apex: d.root}); err != nil || b.Len() != len(file)+20000*len("</b>")-20000 {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"invoice.xml", "latin1.xml", "xades/enveloped-b.xml", "xades/enveloping-b.xml", "xades/detached-b.xml"} {
		f.Add(readFile(f, vectors+"/"+name))
	}
	for _, document := range hard {
		f.Add([]byte(document))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		signed, err := Read(file)
		if err != nil {
			return
		}
		for _, s := range signed.Verify(vectorTime) {
			if s.Failure == nil && (!s.Intact || s.Certificate == nil || s.Covers == nothing) {
				t.Errorf("no failure, and %+v", s)
			}
		}
		_ = signed.Content(io.Discard) // there may be none
		// What can be signed can be read again, and says the same.
		d, err := Enveloped(file)
		if err != nil {
			return
		}
		again, err := Enveloped(append(append(append([]byte{}, d.before...), "<!---->"...), d.after...))
		if err != nil || again.digest != d.digest {
			t.Errorf("%q: %v, another digest", file, err)
		}
	})
}
