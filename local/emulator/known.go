package emulator

import (
	"encoding/base64"
	"fmt"
	"strings"
)

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
