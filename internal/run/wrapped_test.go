package run_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// People put a key into one variable together with other text. Whoever carries
// it so is found, and is given the current key in the same text.
func TestAKeyWithinATextIsFoundAndDelivered(t *testing.T) {
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
			l.set("courier", within(keyA, l.key(t, keyA).SecretKey))
			l.set("packer", within(keyA, l.key(t, keyA).SecretKey))
			for day := range 12 {
				l.run()
				now := current(t, l.last)
				if got, _ := l.Variable("courier", "secret_1"); got != within(now, l.key(t, now).SecretKey) {
					t.Fatalf("day %d: courier has not the current key in its text:\n%s", day, text(t, l.last))
				}
				l.Clock().Advance(24 * time.Hour)
			}
			if !l.lives(keyA) {
				t.Errorf("it was deleted, and packer, which is left alone, carries it:\n%s", text(t, l.last))
			}
			l.says("container packer", keyA, "excluded")
		})
	}
}

// A key that is back in a variable while its version is disabled, and whose
// version is enabled later, was compared with that variable never: that it was
// compared with others, and is known by now, says nothing of this one.
func TestAKeyThatCanBeReadAgainIsLookedForWhereItWasNot(t *testing.T) {
	t.Parallel()
	l := live(t, rotated())
	old := l.key(t, keyA).SecretKey
	l.days(2)
	l.version(1, http.MethodPost, "/disable")
	l.set("courier", old)
	l.days(2)
	if !l.lives(keyA) {
		t.Fatalf("it was deleted under courier:\n%s", text(t, l.last))
	}
	l.version(1, http.MethodPost, "/enable")
	l.days(1)
	if got, _ := l.Variable("courier", "secret_1"); got == old {
		t.Errorf("courier was not given the current key:\n%s", text(t, l.last))
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
	before := current(t, l.last)
	l.moveTo("/elsewhere")
	l.days(1)
	rep := l.rig.run(t, revoke(before))
	if !l.lives(before) {
		t.Errorf("it was deleted:\n%s", text(t, rep))
	}
	var failures []string
	for _, s := range rep.Steps {
		failures = append(failures, s.Errors...)
	}
	if all := strings.Join(failures, "\n"); !strings.Contains(all, before) || !strings.Contains(all, "/rotator/"+ordersID) || !strings.Contains(all, `"now": true`) {
		t.Errorf("what holds it up is not said:\n%s", text(t, rep))
	}
	if rep = l.rig.run(t, revokeNow(before)); l.lives(before) {
		t.Errorf("it lives on, although it was to go now:\n%s", text(t, rep))
	}
}
