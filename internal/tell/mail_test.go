package tell_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/tell"
)

func TestAnEMailIsSentOnceToAllItsRecipients(t *testing.T) {
	t.Parallel()
	var sent []string
	refuse := error(nil)
	teller := tell.New(tell.Options{Clock: clock.Real(), Mail: func(_ context.Context, from string, to []string, subject, text string) error {
		sent = append(sent, fmt.Sprint(from, " ", to, " ", subject, " ", strings.Contains(text, "error: application")))
		return refuse
	}})
	for _, setting := range []string{"tem:?from=keys@example.com&to=ops%2Bnight@example.org&to=dana@example.net", "tem://?to=ops%2Bnight@example.org&to=dana@example.net&from=keys@example.com", "tem:from=keys@example.com,to=ops+night@example.org,to=dana@example.net"} {
		sent = nil
		got := teller.Tell(t.Context(), targets(t, setting), hostile())
		if len(got) != 1 || !got[0].Told || got[0].Target != "tem at example.org" {
			t.Errorf("%s: %+v", setting, got)
		}
		if diff := cmp.Diff([]string{"keys@example.com [ops+night@example.org dana@example.net] ✗ FAILURE: run r true"}, sent); diff != "" {
			t.Errorf("%s: sent (-want +got):\n%s", setting, diff)
		}
	}
	sent, refuse = nil, errors.New("403 Forbidden")
	if got := teller.Tell(t.Context(), targets(t, "tem:?from=keys@example.com&to=ops@example.org"), hostile()); got[0].Told || got[0].Detail != "Transactional Email has not taken it: 403 Forbidden" || len(sent) != 1 {
		t.Errorf("%+v, sent %q", got, sent)
	}
	if got := tell.New(tell.Options{Clock: clock.Real()}).Tell(t.Context(), targets(t, "tem:?from=keys@example.com&to=ops@example.org"), hostile()); got[0].Told || got[0].Detail == "" {
		t.Errorf("with nothing to send it with: %+v", got)
	}
}

func TestAddressesThatAreNoneAreRefusedAndNotShown(t *testing.T) {
	t.Parallel()
	const someone = "someone@example.com"
	for _, rest := range []string{
		"", "//", "from=" + someone, someone, "from=" + someone + ",to=" + someone + ",", "from=" + someone + ",to=" + someone + ",cc=" + someone, "?from=" + someone, "?to=" + someone, "?from=" + someone + "&to=" + someone + "&cc=" + someone, "?from=" + someone + "&from=" + someone + "&to=" + someone,
		"?from=" + someone + "&to=no+one@example.com", "?from=" + someone + "&to=" + someone + "%0d%0aBcc:x@example.com", "?from=" + someone + "&to=<" + someone + ">",
		"?from=someone&to=" + someone, "?from=" + someone + "&to=someone@localhost", "//host?from=" + someone + "&to=" + someone, "?from=" + someone + strings.Repeat("&to="+someone, 11), "?%zz",
	} {
		if got, err := tell.Targets("tem:" + rest); err == nil || strings.Contains(err.Error(), "someone") {
			t.Errorf("%q: %v, %v", rest, got, err)
		}
	}
	a, b := targets(t, "tem:?from=a@example.com&to=b@example.com")[0], targets(t, "tem:?from=a@example.com&to=c@example.com")[0]
	if a.Equal(b) || !a.Equal(a) || strings.Contains(fmt.Sprint(a.Name()), "b@") {
		t.Errorf("%v, %v", a, b)
	}
}
