package delivery_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// People put a key into one variable together with other text. Whoever carries
// it so is found, and is given the current key in the same text.
func TestLongAKeyWithinATextIsFoundAndDelivered(t *testing.T) {
	t.Parallel()
	pair := func(access, secret string) string {
		return fmt.Sprintf(`{"access_key":%q,"secret_key":%q}`, access, secret)
	}
	for name, within := range map[string]func(access, secret string) string{
		"as Secret Manager holds it": pair,
		"as Terraform reads it": func(access, secret string) string {
			return base64.StdEncoding.EncodeToString([]byte(pair(access, secret)))
		},
		"as an Authorization header": func(_, secret string) string { return "Bearer " + secret },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := live(t, rotated(), "ROTATOR_CONSUMERS_EXCLUDE=packer")
			l.set("courier", within(runtest.KeyA, l.Key(t, runtest.KeyA).SecretKey))
			l.set("packer", within(runtest.KeyA, l.Key(t, runtest.KeyA).SecretKey))
			for day := range 12 {
				l.run()
				now := runtest.Current(t, l.last)
				if got, _ := l.Variable("courier", "secret_1"); got != within(now, l.Key(t, now).SecretKey) {
					t.Fatalf("day %d: courier has not the current key in its text:\n%s", day, runtest.Text(t, l.last))
				}
				l.Clock().Advance(24 * time.Hour)
			}
			if !l.Lives(runtest.KeyA) {
				t.Errorf("it was deleted, and packer, which is left alone, carries it:\n%s", runtest.Text(t, l.last))
			}
			l.says("container packer", runtest.KeyA, "excluded")
		})
	}
}

// A key that is back in a variable while its version is disabled, and whose
// version is enabled later, was compared with that variable never: that it was
// compared with others, and is known by now, says nothing of this one.
func TestAKeyThatCanBeReadAgainIsLookedForWhereItWasNot(t *testing.T) {
	t.Parallel()
	l := live(t, rotated())
	old := l.Key(t, runtest.KeyA).SecretKey
	l.days(2)
	l.version(1, http.MethodPost, "/disable")
	l.set("courier", old)
	l.days(2)
	if !l.Lives(runtest.KeyA) {
		t.Fatalf("it was deleted under courier:\n%s", runtest.Text(t, l.last))
	}
	l.version(1, http.MethodPost, "/enable")
	l.days(1)
	if got, _ := l.Variable("courier", "secret_1"); got == old {
		t.Errorf("courier was not given the current key:\n%s", runtest.Text(t, l.last))
	}
	l.days(12)
	l.unbroken()
}

// Whoever reads a secret at the place before still gets a key that a person
// revokes: without now, it is kept, and what holds it up is said.
func TestARevokedKeyThatReadersElsewhereGetIsKept(t *testing.T) {
	t.Parallel()
	l := live(t, rotated())
	l.days(1)
	before := runtest.Current(t, l.last)
	l.publishesAt("fr-par", "/elsewhere")
	l.days(1)
	rep := l.Rig.Run(t, runtest.Revoke(before))
	if !l.Lives(before) {
		t.Errorf("it was deleted:\n%s", runtest.Text(t, rep))
	}
	var failures []string
	for _, s := range rep.Steps {
		failures = append(failures, s.Errors...)
	}
	if all := strings.Join(failures, "\n"); !strings.Contains(all, before) || !strings.Contains(all, "/rotator/"+runtest.OrdersID) || !strings.Contains(all, `"now": true`) {
		t.Errorf("what holds it up is not said:\n%s", runtest.Text(t, rep))
	}
	if rep = l.Rig.Run(t, runtest.RevokeNow(before)); l.Lives(before) {
		t.Errorf("it lives on, although it was to go now:\n%s", runtest.Text(t, rep))
	}
}

// When the last consumer leaves a key whose version is gone, there is nothing to
// note that on but the ledger: its grace still counts from then, and not from the
// day on which a person deleted the version.
func TestTheGraceOfAKeyWithoutAVersionCountsFromItsLastConsumer(t *testing.T) {
	t.Parallel()
	for name, what := range map[string]string{"deleted": "", "disabled": "/disable"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := live(t, carriedByAll(), "ROTATOR_CONSUMERS_EXCLUDE=courier,nightly,packer,cruncher,batch,jobs")
			l.days(1)
			method := map[string]string{"": http.MethodDelete, "/disable": http.MethodPost}[what]
			l.version(1, method, what)
			l.days(3)
			l.Cfg.ConsumersExclude = nil
			delivered := l.Clock().Now()
			for l.Lives(runtest.KeyA) && l.Clock().Now().Sub(delivered) < 20*24*time.Hour {
				l.days(1)
			}
			if lived := l.Clock().Now().Sub(delivered); lived < 7*24*time.Hour || lived > 9*24*time.Hour {
				t.Errorf("it lived on for %s after its last consumers had left it, want 7 to 9 days", lived)
			}
			l.unbroken()
		})
	}
}

// carriedByAll is a project whose published key, which its consumers carry, is
// the only one.
func carriedByAll() emulator.Seed {
	return plainly(emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Minted(runtest.KeyA, 3)}}, runtest.CredentialOf(runtest.Holds(runtest.KeyA, 3)))
}

// Somebody wrote another secret beside the published key before it was revoked:
// the right one is what is tried until it is dead, and what is remembered.
func TestTheRightSecretOfADeletedKeyIsRemembered(t *testing.T) {
	t.Parallel()
	l := live(t, carriedByAll())
	l.days(1)
	old := l.Key(t, runtest.KeyA).SecretKey
	l.publishWrong(runtest.KeyA)
	l.auditor.Revoked(runtest.KeyA)
	rep := l.Rig.Run(t, runtest.Revoke(runtest.KeyA))
	if l.Lives(runtest.KeyA) {
		t.Fatalf("it lives on:\n%s", runtest.Text(t, rep))
	}
	l.set("courier", old)
	l.days(1)
	if got, _ := l.Variable("courier", "secret_1"); got == old {
		t.Errorf("courier was not given the current key:\n%s", runtest.Text(t, l.last))
	}
	l.says("function courier", runtest.KeyA, "was deleted on")
}

// A version that a person wrote names a key and holds another secret, and was
// compared with everything: that says nothing of the key itself, whose own secret
// nobody can read any more.
func TestWhatWasComparedWithAWrongSecretIsNotClearedOfTheKey(t *testing.T) {
	t.Parallel()
	l := live(t, carriedByAll())
	l.version(1, http.MethodPost, "/disable")
	l.publishWrong(runtest.KeyA)
	l.days(1)
	l.version(2, http.MethodPost, "/disable")
	l.days(12)
	l.unbroken()
	if !l.Lives(runtest.KeyA) {
		t.Errorf("it was deleted under its consumers:\n%s", runtest.Text(t, l.last))
	}
	l.says(runtest.KeyA, "secret_1 of function courier", "revoke")
}
