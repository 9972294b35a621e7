package scaleway_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestAChangeSendsWhatItMustAndNoMore(t *testing.T) {
	t.Parallel()
	const (
		function  = `{"runtime":"unknown_runtime","privacy":"unknown_privacy","http_option":"unknown_http_option","sandbox":"unknown_sandbox"`
		container = `{"privacy":"unknown_privacy","protocol":"unknown_protocol","sandbox":"unknown_sandbox"`
		plain     = `"environment_variables":{"KEY_ID":"new-id","LEVEL":"debug"}`
		list      = `"secret_environment_variables":[{"key":"API_KEY","value":"` + scalewaytest.OtherCanary + `"}]`
		whole     = `"secret_environment_variables":{"API_KEY":"` + scalewaytest.OtherCanary + `","DB_PASSWORD":""}`
		none      = `"secret_environment_variables":null`
	)
	// By kind: with the secret alone, with the plain one alone, with both.
	want := map[string][]string{
		"function checkout-api":       {function + "," + list + "}", function + "," + plain + "," + none + "}", function + "," + plain + "," + list + "}"},
		"function namespace shop":     {"{" + list + "}", "{" + plain + "," + none + "}", "{" + plain + "," + list + "}"},
		"container orders-api":        {container + "," + whole + "}", container + "," + plain + "}", container + "," + plain + "," + whole + "}"},
		"container namespace backend": {"{" + whole + "}", "{" + plain + "}", "{" + plain + "," + whole + "}"},
	}
	everyKind(t, func(c changing) {
		t := c.t
		newID := map[string]string{"KEY_ID": "new-id"}
		for i, change := range []struct {
			plain   map[string]string
			secrets map[string]redact.Secret
		}{{nil, newKey}, {newID, nil}, {newID, newKey}} {
			before, err := c.ReadEnvironment(t.Context(), c.e)
			if err != nil {
				t.Fatal(err)
			}
			c.ForgetHistory()
			got, err := c.ChangeEnvironment(t.Context(), before, change.plain, change.secrets)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(asJSON(t, want[c.e.String()][i]), asJSON(t, c.seen.sent[i])); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
			if c.methods() != "GET PATCH" {
				t.Errorf("requests %s", c.methods())
			}
			plain := maps.Clone(before.Plain)
			maps.Copy(plain, change.plain)
			if diff := cmp.Diff(plain, got.Plain); diff != "" {
				t.Errorf("plain (-want +got):\n%s", diff)
			}
			if len(got.Hashes) != 2 || got.Hashes["DB_PASSWORD"] != before.Hashes["DB_PASSWORD"] {
				t.Errorf("hashes %v", got.Hashes)
			}
			if same := got.Hashes["API_KEY"] == before.Hashes["API_KEY"]; same != (change.secrets == nil) {
				t.Errorf("hash of API_KEY is the same: %t", same)
			}
			if got.State != scaleway.EnvChanging || got.String() != c.e.String() {
				t.Errorf("%s is %s (%s)", got, got.State, got.Status)
			}
			c.Clock().Advance(time.Minute)
			after, err := c.ReadEnvironment(t.Context(), got)
			if err != nil || after.State != scaleway.EnvReady {
				t.Errorf("%s is %s (%s), error %v", after, after.State, after.Status, err)
			}
			if !cmp.Equal(after.Hashes, got.Hashes) || !cmp.Equal(after.Plain, got.Plain) {
				t.Errorf("read %v, answered %v", after, got)
			}
		}
	})
}

func TestWhatAPersonSetBeforeAChangeStays(t *testing.T) {
	t.Parallel()
	everyKind(t, func(c changing) {
		t := c.t
		c.person()
		got, err := c.ChangeEnvironment(t.Context(), c.e, map[string]string{"KEY_ID": "new-id"}, newKey)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"KEY_ID": "new-id", "LEVEL": "info", "ADDED": "1"}, got.Plain); diff != "" {
			t.Errorf("plain (-want +got):\n%s", diff)
		}
		if got.Hashes["BY_HAND"] == "" || got.Hashes["DB_PASSWORD"] != c.e.Hashes["DB_PASSWORD"] || got.Hashes["API_KEY"] == c.e.Hashes["API_KEY"] {
			t.Errorf("hashes %v, before %v", got.Hashes, c.e.Hashes)
		}
	})
}

func TestAVariableThatAPersonHasSetMeanwhileIsNotSetAgain(t *testing.T) {
	t.Parallel()
	everyKind(t, func(c changing) {
		decidedOn := c.e
		decidedOn.Plain, decidedOn.Hashes = maps.Clone(c.e.Plain), maps.Clone(c.e.Hashes)
		decidedOn.Plain["KEY_ID"], decidedOn.Hashes["API_KEY"] = "as it was", "as it was"
		c.ForgetHistory()
		_, err := c.ChangeEnvironment(c.t.Context(), decidedOn, map[string]string{"KEY_ID": "new-id"}, newKey)
		if !errors.Is(err, scaleway.ErrRefused) || !strings.Contains(err.Error(), "somebody has set API_KEY, KEY_ID meanwhile: nothing was sent") || c.methods() != "GET" {
			c.t.Errorf("error %v, requests %s", err, c.methods())
		}
	})
}

func TestAChangeThatIsPutOffIsMadeAnew(t *testing.T) {
	t.Parallel()
	everyKind(t, func(c changing) {
		t := c.t
		c.seen.putOff = c.person // who sets variables while the change waits
		started := c.Clock().Now()
		got, err := c.ChangeEnvironment(t.Context(), c.e, map[string]string{"KEY_ID": "new-id"}, newKey)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.seen.sent) != 2 || c.methods() != "GET PATCH GET PATCH" { // the first PATCH is the person's
			t.Errorf("%d sent, requests %s", len(c.seen.sent), c.methods())
		}
		if got.Hashes["BY_HAND"] == "" || got.Plain["LEVEL"] != "info" || got.Plain["ADDED"] != "1" {
			t.Errorf("variables %v, %v", got.Plain, got.Hashes)
		}
		if waited := c.Clock().Now().Sub(started); waited < 250*time.Millisecond || waited > time.Second {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestAChangeIsPutOffSoOftenAndNoMore(t *testing.T) {
	t.Parallel()
	everyKind(t, func(c changing) {
		t := c.t
		c.Arm(emulator.Fault{Method: "PATCH", Status: 429, Times: -1})
		_, err := c.ChangeEnvironment(t.Context(), c.e, nil, newKey)
		if !errors.Is(err, scaleway.ErrRefused) || len(c.seen.sent) != 5 {
			t.Errorf("error %v after %d", err, len(c.seen.sent))
		}
	})
}

func TestALostAnswerToAChangeIsUnknownAndNotRepeated(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]emulator.Fault{
		"lost": {Method: "PATCH", DropAfter: true}, "half": {Method: "PATCH", Half: true},
		"503": {Method: "PATCH", Status: 503, Body: `{"message":"error while authenticating, please retry later"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everyKind(t, func(c changing) {
				t := c.t
				c.Arm(fault)
				_, err := c.ChangeEnvironment(t.Context(), c.e, nil, newKey)
				if !errors.Is(err, scaleway.ErrUnknown) || leaks(err.Error()) || c.methods() != "GET PATCH" {
					t.Errorf("error %v after %s", err, c.methods())
				}
				got, err := c.ReadEnvironment(t.Context(), c.e)
				if changed := got.Hashes["API_KEY"] != c.e.Hashes["API_KEY"]; err != nil || changed != (fault.Status == 0) {
					t.Errorf("changed %t, error %v", changed, err)
				}
			})
		})
	}
}

func TestAVariableThatIsNoMoreIsNotSet(t *testing.T) {
	t.Parallel()
	everyKind(t, func(c changing) {
		t := c.t
		for name, change := range map[string]struct {
			plain   map[string]string
			secrets map[string]redact.Secret
			want    string
		}{
			"plain":                   {map[string]string{"KEY_ID": "x", "GONE": "x"}, nil, "no more a variable GONE: nothing was sent"},
			"secret":                  {nil, map[string]redact.Secret{"API_KEY": redact.New("x"), "OTHER": redact.New("x"), "LOST": redact.New("x")}, "no more a variable LOST, OTHER: nothing"},
			"a plain one as a secret": {nil, map[string]redact.Secret{"KEY_ID": redact.New("x")}, "no more a variable KEY_ID"},
			"a secret one as plain":   {map[string]string{"API_KEY": "x"}, nil, "no more a variable API_KEY"},
			"without a value":         {nil, map[string]redact.Secret{"API_KEY": {}}, "no value for API_KEY"},
			"none":                    {nil, nil, "names no variable"},
		} {
			_, err := c.ChangeEnvironment(t.Context(), c.e, change.plain, change.secrets)
			if !errors.Is(err, scaleway.ErrRefused) || !strings.Contains(err.Error(), change.want) {
				t.Errorf("%s: error %v, want %q", name, err, change.want)
			}
		}
		if len(c.seen.sent) > 0 {
			t.Errorf("%d were sent", len(c.seen.sent))
		}
	})
}
