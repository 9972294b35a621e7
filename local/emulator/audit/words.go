package audit

import (
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/secrets"
)

// Revoked says that a person wants a key dead: it need not outlive its grace.
// It still must not die while it is published, or while something of the
// project carries it; but where no version shows its secret as the person says
// so, only a person can know who carries it, and has said that nobody does.
func (a *Auditor) Revoked(accessKey string) {
	a.base.Mu.Lock()
	defer a.base.Mu.Unlock()
	a.revoke(accessKey)
}

func (a *Auditor) revoke(accessKey string) {
	// What the client itself disables later was shown to it before.
	a.revoked[accessKey], a.blindly[accessKey] = true, !a.readable()[accessKey]
}

// RevokedNow says that a person wants a key dead whoever carries it. It still must
// not die while it is published.
func (a *Auditor) RevokedNow(accessKey string) {
	a.base.Mu.Lock()
	defer a.base.Mu.Unlock()
	a.revoke(accessKey)
	a.now[accessKey] = true
}

// Unsaid takes a person's word back: it was for one request.
func (a *Auditor) Unsaid(accessKey string) {
	a.base.Mu.Lock()
	defer a.base.Mu.Unlock()
	delete(a.revoked, accessKey)
	delete(a.blindly, accessKey)
	delete(a.now, accessKey)
}

// word tells whether a key may go under what carries it, since a person said so:
// outright, or of a key that cannot be looked for. One that a plain variable
// names can: anybody reads there who carries it.
func (a *Auditor) word(access string, now time.Time) bool {
	return a.now[access] || a.blindly[access] && !a.named(access, now)
}

// named tells whether a plain variable of the project names a key.
func (a *Auditor) named(access string, now time.Time) bool {
	for v, value := range a.environments(now) {
		if !v.secret && strings.Contains(value, access) {
			return true
		}
	}
	return false
}

// readable are the keys whose secrets an enabled version shows, and says that it
// does: a client can find them in variables. One that has another secret beside
// the access key shows nothing.
func (a *Auditor) readable() map[string]bool {
	out := map[string]bool{}
	for _, s := range a.credentials() {
		for _, v := range s.Versions {
			pair := pairOf(v)
			part := a.consumers.parts[pair.SecretKey]
			if pair.AccessKey != "" && part.access == pair.AccessKey && v.Status == secrets.VersionEnabled && strings.Contains(v.Description, pair.AccessKey) {
				out[pair.AccessKey] = true
			}
		}
	}
	return out
}

// handled takes over what a person did to variables.
func (a *Auditor) handled(now time.Time) {
	k, after := &a.consumers, a.environments(now)
	for v, was := range k.variables {
		if part := k.part(was); part.secret && after[v] != was {
			for _, place := range a.sharing(v.place, now) {
				k.left[carry{place, part.access}] = true
			}
		}
	}
	for v, is := range after {
		if part := k.part(is); part.secret {
			delete(k.left, carry{v.place, part.access})
		}
	}
}

// taken notes that the client took a key away from a place: whatever a person did
// there before, what becomes of it now is the client's doing.
func (a *Auditor) taken(place, access string, now time.Time) {
	for _, place := range a.sharing(place, now) {
		delete(a.consumers.left, carry{place, access})
		delete(a.consumers.lost, carry{place, access})
	}
}

// loses notes what carries a key that is gone, and not by the client's doing.
// shown tells whether the client could know its secret.
func (a *Auditor) loses(access, secret string, shown bool, now time.Time) {
	for carrier := range a.carriers(secret, now) {
		for _, place := range a.sharing(carrier, now) {
			a.consumers.lost[carry{place, access}] = true
		}
	}
	if !shown {
		a.consumers.unread[access] = true
	}
}

// losesUnseen notes what runs with a key that is gone by a person's word, and does
// not show it: a person changed its namespace, and has not deployed it since.
func (a *Auditor) losesUnseen(access, secret string, now time.Time) {
	for _, p := range a.serverless.Products(now) {
		for _, w := range p.Workloads(a.rules.Project) {
			place := p.Place(w)
			shown := slices.ContainsFunc(w.Environment(), func(line string) bool { return runsWith(line, secret) })
			if _, carries := a.carriers(secret, now)[place]; carries && !shown {
				a.consumers.lost[carry{place, access}] = true
			}
		}
	}
}

// sharing is a place, and those that have its variables.
func (a *Auditor) sharing(place string, now time.Time) []string {
	out := []string{place}
	for _, p := range a.serverless.Products(now) {
		for _, w := range p.Workloads(a.rules.Project) {
			if p.NamespacePlace(w.Namespace()) == place {
				out = append(out, p.Place(w))
			}
		}
	}
	return out
}
