package tell

import (
	"bytes"
	"crypto/rand"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/printable"
)

// subjectMax is how many characters of a title are an e-mail's subject.
const subjectMax = 200

// letter is a message as an e-mail, of ASCII alone. What a name could do to its head, a
// line that ends, is no longer in it. It is written once for all tries, so that one that
// came twice is known by its Message-ID.
func letter(from string, to []string, at time.Time, m Message) []byte {
	var out bytes.Buffer
	subject := mime.QEncoding.Encode("utf-8", first(printable.Line(m.Title), subjectMax))
	for _, field := range [][2]string{
		{"From", from},
		{"To", strings.Join(to, ",\r\n ")},
		{"Subject", strings.ReplaceAll(subject, "?= =?", "?=\r\n =?")},
		{"Date", at.UTC().Format(time.RFC1123Z)},
		{"Message-ID", "<" + rand.Text() + "@" + domain(from) + ">"},
		{"Auto-Submitted", "auto-generated"}, // nobody's holiday answers it
		{"MIME-Version", "1.0"},
		{"Content-Type", plain},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		out.WriteString(field[0] + ": " + field[1] + "\r\n")
	}
	out.WriteString("\r\n")
	body := quotedprintable.NewWriter(&out) // a buffer takes all
	_, _ = body.Write([]byte(printable.Text(m.Text()) + "\n"))
	_ = body.Close()
	return out.Bytes()
}

// domain is what stands behind an address's @.
func domain(address string) string {
	_, host, _ := strings.Cut(address, "@")
	return host
}
