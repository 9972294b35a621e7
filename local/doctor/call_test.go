package doctor_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/version"
	"github.com/scw-key-rotator/rotator/local/doctor"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func TestWhatTheFunctionAnswers(t *testing.T) {
	t.Parallel()
	answering := func(status int, body string) func(*clinic) {
		return func(c *clinic) {
			c.SetBehaviour(c.function, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			}))
		}
	}
	for name, test := range map[string]struct {
		change func(*clinic)
		mark   doctor.Mark
		says   string
	}{
		"as it should":     {func(*clinic) {}, doctor.Right, "it is release " + version.Version + ", as the one here"},
		"nobody is let in": {func(*clinic) {}, doctor.Right, "a caller without a key is refused (403)"},
		"a key is":         {func(*clinic) {}, doctor.Right, "an IAM key is let in (SCW"},
		"another release": {func(c *clinic) {
			c.SetBehaviour(c.function, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answer := httptest.NewRecorder()
				c.code(answer, r)
				_, _ = w.Write([]byte(strings.Replace(answer.Body.String(), `"version": "`+version.Version+`"`, `"version": "0.9.0"`, 1)))
			}))
		}, doctor.Warning, "it is release 0.9.0, and the one here is " + version.Version},
		"no control secret here": {func(c *clinic) { c.control = "" }, doctor.Right, "which release it is its whole reports say, for which ROTATOR_CONTROL_SECRET is needed"},
		"another control secret": {func(c *clinic) { c.control = strings.Repeat("x", 40) }, doctor.Warning, "the ROTATOR_CONTROL_SECRET of .env is not the function's"},
		"a run in progress":      {answering(409, `{"error":"a run is in progress in this instance","hint":"wait"}`), doctor.Warning, "a run is in progress, so it does no dry run"},
		"no run":                 {answering(500, `{"error":"ROTATOR_GRACE: is wrong","hint":"mend it"}`), doctor.Wrong, "it does no run: ROTATOR_GRACE: is wrong (mend it)"},
		"something else":         {answering(200, `hello`), doctor.Wrong, "is answered 200, and not by a report"},
		"a refused call": {
			answering(500, `{"run_id":"x","version":"1.0.0","outcome":"failure","steps":[{"name":"discover","outcome":"failure","errors":["list secrets: 403 (the function's application needs the permission set SecretManagerReadOnly)","more"]}]}`),
			doctor.Wrong, "SecretManagerReadOnly on the project: policy rotator, rule 3; its own dry run was refused all the same: list secrets: 403",
		},
		"its run fails": {
			answering(500, `{"run_id":"x","version":"1.0.0","outcome":"failure","steps":[{"name":"discover","outcome":"failure","errors":["list secrets: no","more","and more"]}]}`),
			doctor.Wrong, "a dry run of its own ends in failure: step discover: list secrets: no, and 2 more",
		},
		"a gateway that lets in anybody": {func(c *clinic) { c.endpoints = anybody(c.RoundTripper()) }, doctor.Wrong, "a caller without a key gets 200, and should be refused"},
		"a gateway that lets in nobody":  {func(c *clinic) { c.endpoints = nobody(c) }, doctor.Warning, "is refused, too (403): whether any is let in is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t, wellSet())
			test.change(c)
			says(t, c.examine(), test.mark, test.says)
		})
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// anybody is a gateway that refuses nothing; it fails the test that sends it a key.
func anybody(below http.RoundTripper) http.RoundTripper {
	return transport(func(r *http.Request) (*http.Response, error) {
		if !strings.Contains(r.URL.Host, "rotator.functions") {
			return below.RoundTrip(r)
		}
		answer := httptest.NewRecorder()
		if r.Header.Get("X-Auth-Token") != "" {
			answer.WriteHeader(http.StatusTeapot)
		}
		return answer.Result(), nil
	})
}

// nobody is a gateway that lets nobody into the function.
func nobody(c *clinic) http.RoundTripper {
	return transport(func(r *http.Request) (*http.Response, error) {
		if strings.Contains(r.URL.Host, "rotator.functions") {
			r = r.Clone(r.Context())
			r.Header.Del("X-Auth-Token")
		}
		return c.RoundTripper().RoundTrip(r)
	})
}

// Who lets in anybody is sent no key, and a function that is public is not called.
func TestAKeyGoesOnlyWhereNoneIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*clinic){
		"public":  func(c *clinic) { c.patch(emulatortest.Object{"privacy": "public"}) },
		"anybody": func(*clinic) {},
	} {
		c := open(t, wellSet())
		change(c)
		keys, calls := 0, 0
		c.endpoints = transport(func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.Host, "rotator.functions") && r.URL.Path == "/" {
				calls++
			}
			if strings.Contains(r.URL.Host, "rotator.functions") && r.Header.Get("X-Auth-Token") == c.Secret {
				keys++
			}
			return anybody(c.RoundTripper()).RoundTrip(r)
		})
		c.examine()
		if want := map[string]int{"anybody": 1}[name]; keys > 0 || calls != want {
			t.Errorf("%s: the caller's key was sent %d times, and it was called %d times, want %d", name, keys, calls, want)
		}
	}
}

// With the function's own key at hand, the fence is tried, and not only read.
func TestTheFenceIsTriedWithTheFunctionsKey(t *testing.T) {
	t.Parallel()
	seed := func() emulator.Seed {
		s := wellSet()
		s.Secrets = append(s.Secrets, emulator.SeedSecret{Name: "db", Project: "demo", Path: "/", Versions: []emulator.SeedVersion{{Data: "postgres-of-somebody"}}})
		return s
	}
	c := open(t, seed())
	says(t, c.examine(), doctor.Right, "the function gets at secrets in /rotator, and at none outside, by its policy")
	c.own = c.Keys("rotator")[0]
	says(t, c.examine(), doctor.Right, "the function's key gets at secret /rotator/"+checkout+", and not at /db, outside of /rotator")
	more := seed() // a set of which the doctor does not know that it shows secrets
	more.Applications[0].Policies = append(more.Applications[0].Policies, emulator.SeedPolicy{Name: "more", Rules: []emulator.SeedRule{{PermissionSets: []string{"AllProductsReadOnly"}, Projects: []string{"demo"}}}})
	c = open(t, more)
	c.own = c.Keys("rotator")[0]
	says(t, c.examine(), doctor.Wrong, "the function's key gets at secret /db, which is outside of /rotator, though its policy has a fence")
	c = open(t, seed()) // a condition that Scaleway does not evaluate, though it reads as it should
	c.own = c.Keys("rotator")[0]
	c.api = transport(func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("X-Auth-Token") != c.own.SecretKey {
			return http.DefaultTransport.RoundTrip(r)
		}
		answer := httptest.NewRecorder()
		answer.Header().Set("Content-Type", "application/json")
		answer.WriteHeader(http.StatusForbidden)
		_, _ = answer.WriteString(`{"details":[],"message":"insufficient permissions","type":"permissions_denied"}`)
		return answer.Result(), nil
	})
	says(t, c.examine(), doctor.Wrong, "secret /rotator/"+checkout+" is refused to the function's key, though its policy gives it")
}
