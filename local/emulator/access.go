package emulator

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// KeyPair is an API key with the secret that only its creation showed. The
// emulator knows it; tests and the runner need it.
type KeyPair struct {
	AccessKey string
	SecretKey string
	Created   time.Time
	Expires   time.Time // zero: never
	Project   string    // the id of its default project
}

// Owner returns the key of the organization's owner, who may do everything.
func (e *Emulator) Owner() (accessKey, secretKey string) {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	key := e.iam.OwnersKey()
	if key == nil {
		return "", "" // somebody deleted it
	}
	return key.AccessKey, key.Secret
}

// Mails returns the e-mails that were sent, the first one first.
func (e *Emulator) Mails() []Mail {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	return e.mail.Sent()
}

// Organization returns the organization's id.
func (e *Emulator) Organization() string {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	return e.base.OrganizationID
}

// Project returns the id of the project of that name; "" if there is none.
func (e *Emulator) Project(name string) string {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	return e.account.ID(name)
}

// ProjectNames returns the names of all projects: default first, then as the
// seed has them.
func (e *Emulator) ProjectNames() []string {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	names := []string{"default"}
	for _, id := range e.account.IDs() {
		if id != e.account.Default() {
			names = append(names, e.account.Name(id))
		}
	}
	return names
}

// Application returns the id of the application of that name; "" if there is
// none.
func (e *Emulator) Application(name string) string {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	if a := e.iam.ApplicationNamed(name); a != nil {
		return a.ID
	}
	return ""
}

// Keys returns the keys of an application, by name or id, or of a user, by
// username or id; the oldest first.
func (e *Emulator) Keys(bearer string) []KeyPair {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	pairs := []KeyPair{}
	for _, key := range e.iam.KeysNamed(bearer) {
		pairs = append(pairs, KeyPair{
			AccessKey: key.AccessKey, SecretKey: key.Secret, Created: key.CreatedAt.Time, Expires: key.ExpiresAt.Time,
			Project: key.DefaultProjectID,
		})
	}
	return pairs
}

// Secrets returns every secret that the emulator knows, each with whose it is:
// the keys that ever were, deleted ones too, the legacy tokens that are listed,
// and what Secret Manager holds.
func (e *Emulator) Secrets() map[string]string {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	out := map[string]string{}
	for secret, access := range e.iam.EverySecret() {
		out[secret] = "key " + access
	}
	for _, t := range e.serverless.Tokens() {
		out[t.JWT] = "legacy token " + t.ID
		out[t.JWT[strings.LastIndex(t.JWT, ".")+1:]] = "the signature of legacy token " + t.ID
	}
	for _, s := range e.secrets.All() {
		for _, v := range s.Versions {
			if len(v.Data) > 0 {
				whose := fmt.Sprintf("version %d of secret %s", v.Revision, s.Name)
				out[string(v.Data)] = whose
				out[base64.StdEncoding.EncodeToString(v.Data)] = whose
			}
		}
	}
	return out
}
