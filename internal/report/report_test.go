package report

import (
	"testing"

	"github.com/softwarecie/cie/internal/ades"
	"github.com/softwarecie/cie/internal/ades/cades"
	"github.com/softwarecie/cie/internal/i18n"
)

// best is a signature of which all is known that can be.
func best() ades.Signature {
	return ades.Signature{
		Verdict: ades.Undetermined, Reason: ades.TryLater, Intact: true, Covers: "document", Level: "B-B",
		Signer:  ades.Signer{Kind: ades.KindCIE, Name: "MARIA ROSSI", TaxCode: "RSSMRA80A41H501X", Issuer: "Issuing sub CA", Expires: "2032-06-15"},
		Claimed: "2026-11-26T09:30:00Z", CertificateStatus: ades.CertificateStatus{Revocation: "not-asked"},
	}
}

func TestText(t *testing.T) {
	counter := best()
	counter.Covers, counter.Claimed = "signature", ""
	counter.Signer = ades.Signer{Kind: ades.KindOther}
	counter.Reason, counter.Intact = cades.NoSigningCertificate, false
	signed := best()
	signed.Level, signed.Counter, signed.Notes = "B-T", []ades.Signature{counter}, []cades.Note{cades.NoteArchive}
	signed.Stamps = []ades.TimeStamp{{Time: "2026-11-26T09:31:00Z", Authority: "Authority", Reason: ades.StampUnknown}}
	forged := best()
	forged.Verdict, forged.Reason, forged.Intact = ades.Invalid, cades.HashFailure, false
	r := ades.Report{
		File: "letter.pdf.p7m", Format: "CAdES", Encoding: "DER", Size: 12, SHA256: "ab", Verdict: ades.Invalid,
		Signatures: []ades.Signature{signed},
		Inside:     &ades.Report{Verdict: ades.Invalid, Signatures: []ades.Signature{forged}, Inside: &ades.Report{Verdict: ades.Invalid}},
	}
	const want = `letter.pdf.p7m · CAdES, DER
  Document: 12 bytes, SHA-256 ab
  ? Cannot be verified now: status of the certificate not checked
      ✓ Intact: yes · the signature covers the whole document
      ✓ Who: MARIA ROSSI · RSSMRA80A41H501X · certificate issued by Issuing sub CA
        Kind: FEA with a CIE, the Italian state vouches for it
        expires on 15 June 2032
      ? When: 26 November 2026 09:30 UTC, claimed by the signer, not proved
      ? Revocation: not checked
      ! Level: B-T
      ! time stamp of Authority, 26 November 2026 09:31 UTC: proves nothing, it is not known here who vouches for that service
      ! there is an archive time stamp, which this program does not check
      Counter-signature:
        ? Cannot be verified
          The signer's certificate is missing, or is not the one named in the signature. (NO_SIGNING_CERTIFICATE_FOUND)
            ? Intact: not proved · the counter-signature covers the signature, not the document by itself
            ? Who: not known, the certificate is missing or not the right one
            ? When: the signature does not say
            ? Revocation: not checked
  The document is a signed file itself:
    ✗ Not valid
      The document is not the one that was signed. (HASH_FAILURE)
        ✗ Intact: not proved · the signature covers the whole document
        ? Who: MARIA ROSSI · RSSMRA80A41H501X · certificate issued by Issuing sub CA
          Kind: FEA with a CIE, the Italian state vouches for it
          expires on 15 June 2032
        ? When: 26 November 2026 09:30 UTC, claimed by the signer, not proved
        ? Revocation: not checked
    The document looks like a signed file, but is damaged.
`
	if got := Text(i18n.Load(i18n.English), r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Nothing is good as a whole, and a fact only where it is proved.
func TestNothingIsGoodThatIsNotProved(t *testing.T) {
	c := i18n.Load(i18n.Italian)
	for name, tt := range map[string]struct {
		change                   func(*ades.Signature)
		verdict, intact, whoever Mark
	}{
		"the best there is":        {func(*ades.Signature) {}, Open, Good, Good},
		"changed":                  {func(s *ades.Signature) { s.Verdict, s.Intact, s.Reason = ades.Invalid, false, cades.HashFailure }, Bad, Bad, Open},
		"document missing":         {func(s *ades.Signature) { s.Intact, s.Reason = false, cades.SignedDataNotFound }, Open, Open, Open},
		"not for signatures":       {func(s *ades.Signature) { s.Verdict, s.Reason = ades.Invalid, cades.SigConstraintsFailure }, Bad, Good, Open},
		"a CA of the settings":     {func(s *ades.Signature) { s.Signer.Kind = ades.KindTest }, Open, Good, Open},
		"a stranger":               {func(s *ades.Signature) { s.Signer.Kind, s.Reason = ades.KindOther, ades.NoChain }, Open, Good, Open},
		"expired in the meanwhile": {func(s *ades.Signature) { s.Reason = ades.OutOfBounds }, Open, Good, Open},
	} {
		s := best()
		tt.change(&s)
		facts := Facts(c, s)
		if v := Verdict(c, s); v.Mark != tt.verdict || facts[0].Mark != tt.intact || facts[1].Mark != tt.whoever {
			t.Errorf("%s: %s, intact %s, who %s; want %s, %s, %s", name, v.Mark, facts[0].Mark, facts[1].Mark, tt.verdict, tt.intact, tt.whoever)
		}
		if facts[2].Mark != Open || facts[3].Mark != Open {
			t.Errorf("%s: when %s, revocation %s, of which neither is known", name, facts[2].Mark, facts[3].Mark)
		}
		if w := Worst(c, ades.Report{Verdict: s.Verdict, Signatures: []ades.Signature{best(), s}}); w.Mark == Good || s.Verdict == ades.Invalid && w.Mark != Bad {
			t.Errorf("%s: the file is %s", name, w.Mark)
		}
	}
}

// Valid is said where it is proved, and what is to be said against it with it.
func TestValid(t *testing.T) {
	c := i18n.Load(i18n.English)
	valid := best()
	valid.Verdict, valid.Reason, valid.Proved = ades.Valid, "", "2026-11-26T09:31:00Z"
	valid.Stamps = []ades.TimeStamp{{Time: valid.Proved, Authority: "Authority", Counts: true}}
	valid.CertificateStatus = ades.CertificateStatus{Revocation: "good", Source: "ocsp-network", Updated: "2026-11-26T10:00:00Z"}
	claimed := valid
	claimed.Proved, claimed.Stamps, claimed.Notes = "", nil, []cades.Note{ades.NoteClaimed}
	added := valid
	added.Signer.Kind = ades.KindTest
	open := best()
	revoked := best()
	revoked.Reason = ades.RevokedNoPOE
	revoked.CertificateStatus = ades.CertificateStatus{Revocation: "revoked", Source: "crl-file", Updated: "2026-11-26T10:00:00Z", RevokedAt: "2026-11-20T10:00:00Z"}
	for name, tt := range map[string]struct {
		s       ades.Signature
		verdict Mark
		facts   string
		worst   Mark // of a file with this and a valid one
	}{
		"valid":       {valid, Good, "✓✓✓✓", Good},
		"claimed":     {claimed, Remark, "✓✓?✓", Remark},
		"added":       {added, Remark, "✓?✓✓", Remark},
		"not checked": {open, Open, "✓✓??", Open},
		"revoked":     {revoked, Open, "✓??✗", Open},
	} {
		facts := ""
		for _, f := range Facts(c, tt.s) {
			facts += string(f.Mark)
		}
		file := ades.Report{Verdict: tt.s.Verdict, Signatures: []ades.Signature{tt.s, valid}}
		if v, w := Verdict(c, tt.s), Worst(c, file); v.Mark != tt.verdict || facts != tt.facts || w.Mark != tt.worst {
			t.Errorf("%s: %+v, %s, %+v", name, v, facts, w)
		}
	}
	for i, want := range []string{"When: by 26 November 2026 09:31 UTC, proved by a time stamp of Authority", "Revocation: certificate valid on 26 November 2026 10:00 UTC, according to the OCSP service"} {
		if got := Facts(c, valid)[2+i].Text; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := Facts(c, revoked)[3].Text; got != "Revocation: revoked on 20 November 2026 10:00 UTC, according to a revocation list in the file" {
		t.Errorf("%q", got)
	}
}

// The name of a file cannot look like what is said of it.
func TestName(t *testing.T) {
	for name, want := range map[string]string{
		"/home/è/carta d'identità.pdf": "/home/è/carta d'identità.pdf",
		"a\n  ✓ Valid":                 "a\uFFFD  ✓ Valid",
		"letter\u202Efdp.exe":          "letter\uFFFDfdp.exe",
		"\x1b[31m\xff":                 "\uFFFD[31m\uFFFD",
	} {
		if got := Name(name); got != want {
			t.Errorf("Name(%q) = %q, want %q", name, got, want)
		}
	}
}
