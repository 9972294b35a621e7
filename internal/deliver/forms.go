package deliver

import (
	"encoding/base64"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// form is a text in which people put a key into one variable. A hash can be
// compared with nothing but a whole text, so a key in any other text is past
// finding there.
type form struct {
	name string // in the ledger, where each byte counts; "": the secret key alone
	what holds
	of   func(scaleway.KeyPair) string
}

// text is what a variable holds that has a key in this form.
func (f form) text(k scaleway.KeyPair) redact.Secret {
	if k.Secret.Empty() {
		return redact.Secret{}
	}
	return redact.New(f.of(k))
}

// forms are those that are looked for, the likeliest first: the secret alone;
// what a reader of Secret Manager gets, as the command line prints it and as
// Terraform's data source gives it; and the value of an Authorization header.
var forms = []form{ //nolint:gochecknoglobals // a table, never changed
	{"", hashedSecret, func(k scaleway.KeyPair) string { return k.Secret.Reveal() }},
	{"p", "its key pair as JSON", func(k scaleway.KeyPair) string { return string(scaleway.PayloadOf(k)) }},
	{"b", "its key pair as JSON in base64", func(k scaleway.KeyPair) string { return base64.StdEncoding.EncodeToString(scaleway.PayloadOf(k)) }},
	{"h", "its secret key after the word Bearer", func(k scaleway.KeyPair) string { return "Bearer " + k.Secret.Reveal() }},
}

// formNamed finds a form by its name in the ledger.
func formNamed(name string) (form, bool) {
	for _, f := range forms {
		if f.name == name {
			return f, true
		}
	}
	return form{}, false
}
