package probe_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// reply answers so to every request; header is pairs of name and value.
func reply(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// numbered is a reply whose body differs each time in what the format has of
// numbers.
func numbered(status int, format string) http.HandlerFunc {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		v := n.Add(1) * 0x9E3779B9
		args := []any{v, v * v}
		reply(status, fmt.Sprintf(format, args...))(w, r)
	}
}

// door answers by the kind of token: the keyless way to all but the key.
func door(keyless, withKey http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Auth-Token") == canary {
			withKey.ServeHTTP(w, r)
			return
		}
		keyless.ServeHTTP(w, r)
	})
}

// picky answers 400 to a token that is not a UUID.
func picky(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.Header.Get("X-Auth-Token"); token != "" && len(token) != 36 {
			reply(http.StatusBadRequest, "not a token")(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

const forbidden = `{"error":"request is forbidden"}`

func TestAnswerToAKeyIsJudgedAgainstTheRefusals(t *testing.T) {
	t.Parallel()
	refuse := reply(http.StatusForbidden, forbidden, "Content-Type", "application/json")
	ids := numbered(http.StatusForbidden, `{"error":"forbidden","request_id":"%08x-aaaa-4bbb-8ccc-0123456789ab","at":%d}`)
	hexes := numbered(http.StatusForbidden, "forbidden (trace %016x%016x)\n")
	function := func(*probe.Endpoint) {}
	elsewhere := func(e *probe.Endpoint) { e.URL = "https://" + host + "/health" }
	container := func(e *probe.Endpoint) { e.Resource.Product = scaleway.Containers }
	long := numbered(http.StatusUnauthorized, "no: %d, %d\n")
	rows := []struct {
		name    string
		of      func(*probe.Endpoint)
		keyless http.Handler
		withKey http.Handler
		verdict probe.Verdict // of the key
		status  int
		result  probe.Result
		seen    string // of the answer to the key, where it is not clear
	}{
		{"404 of the platform's runtime", function, refuse, reply(404, ""), probe.Accepted, 404, probe.OK, ""},
		{"200 where the runtime should answer", function, refuse, reply(200, "hello"), probe.Inconclusive, 200, probe.Unclear, `200, "hello"`},
		{"204 where the runtime should answer", function, refuse, reply(204, ""), probe.Inconclusive, 204, probe.Unclear, "204"},
		{"302 where the runtime should answer", function, refuse, reply(302, "", "Location", "/login"), probe.Inconclusive, 302, probe.Unclear, "302"},
		{"400 where the runtime should answer", function, refuse, reply(400, "bad\x1b[2J\n\u202etoken"), probe.Inconclusive, 400, probe.Unclear, `400, "# [# token"`},
		{"405 where the runtime should answer", function, refuse, reply(405, ""), probe.Inconclusive, 405, probe.Unclear, "405"},
		{"200 of a function's code", elsewhere, refuse, reply(200, "hello"), probe.Accepted, 200, probe.OK, ""},
		{"404 of a function's code", elsewhere, refuse, reply(404, "no such page"), probe.Inconclusive, 404, probe.Unclear, `404, "no such page"`},
		{"200", container, refuse, reply(200, "hello"), probe.Accepted, 200, probe.OK, ""},
		{"204", container, refuse, reply(204, ""), probe.Accepted, 204, probe.OK, ""},
		{"302 of the application", container, refuse, reply(302, "", "Location", "/login"), probe.Accepted, 302, probe.OK, ""},
		{"404 of the application", container, refuse, reply(404, ""), probe.Accepted, 404, probe.OK, ""},
		{"405", container, refuse, reply(405, ""), probe.Accepted, 405, probe.OK, ""},
		{"400 to a key", container, refuse, reply(400, "no token of ours"), probe.Inconclusive, 400, probe.Unclear, `400, "no token of ours"`},
		{"407 to a key", container, refuse, reply(407, ""), probe.Inconclusive, 407, probe.Unclear, "407"},
		{"403 again", function, refuse, refuse, probe.Refused, 403, probe.Locked, ""},
		{"a gateway that says 400 to the malformed token", function, picky(refuse), reply(404, ""), probe.Accepted, 404, probe.OK, ""},
		{"401 again", function, reply(401, "no"), reply(401, "no"), probe.Refused, 401, probe.Locked, ""},
		{"403 with other identifiers", function, ids, ids, probe.Refused, 403, probe.Locked, ""},
		{"403 with another trace", function, hexes, hexes, probe.Refused, 403, probe.Locked, ""},
		{"401 with other numbers", function, long, long, probe.Refused, 401, probe.Locked, ""},
		{
			"403 in other words of the gateway's", container, refuse, reply(403, `{"error":"insufficient permissions"}`, "Server", "envoy"),
			probe.Inconclusive, 403, probe.Unclear, `403, server envoy, "{ error : insufficient permissions }"`,
		},
		{"403 of the application: body", container, refuse, reply(403, "partners only\n", "Content-Type", "application/json"), probe.Inconclusive, 403, probe.Unclear, `403, "partners only"`},
		{"403 of the application: type", function, refuse, reply(403, forbidden, "Content-Type", "text/html"), probe.Inconclusive, 403, probe.Unclear, `403, "{ error : request is forbidden }"`},
		{"401 of the application", function, refuse, reply(401, forbidden, "Content-Type", "application/json"), probe.Inconclusive, 401, probe.Unclear, `401, "{ error : request is forbidden }"`},
		{
			"401 of the application: challenge", container, reply(401, "no"), reply(401, "no", "WWW-Authenticate", `Basic realm="app"`),
			probe.Inconclusive, 401, probe.Unclear, `401, "no"`,
		},
		{"500 that shows the key", container, refuse, reply(500, "you sent "+canary+" "+strings.ToUpper(canary)+" to me"), probe.Inconclusive, 500, probe.Unclear, `500, "you sent # # to me"`},
		{"500 at length", container, refuse, reply(500, strings.Repeat("long ", 40)), probe.Inconclusive, 500, probe.Unclear, `500, "` + strings.Repeat("long ", 12) + `..."`},
		{"429", function, refuse, reply(429, ""), probe.Inconclusive, 429, probe.Unclear, "429"},
		{"502", function, refuse, reply(502, ""), probe.Inconclusive, 502, probe.Unclear, "502"},
		{"503", container, refuse, reply(503, "no healthy upstream"), probe.Inconclusive, 503, probe.Unclear, `503, "no healthy upstream"`},
		{"504", function, refuse, reply(504, ""), probe.Inconclusive, 504, probe.Unclear, "504"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, door(r.keyless, r.withKey))
			e, k := api(), key()
			r.of(&e)
			k.Products = []scaleway.Product{scaleway.Functions, scaleway.Containers}
			row := one(t, probe.New(options(s.reach(t, time.Minute))), e, k)
			if !row.Refusals.Closed() || len(row.Keys) != 1 {
				t.Fatalf("refusals %+v, %d keys", row.Refusals, len(row.Keys))
			}
			got := []any{row.Keys[0].Answer.Verdict, row.Keys[0].Answer.Status, row.Result}
			if diff := cmp.Diff([]any{r.verdict, r.status, r.result}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := row.Keys[0].Answer.String(); r.verdict == probe.Inconclusive && got != r.seen {
				t.Errorf("seen: %s, want %s", got, r.seen)
			}
			if diff := cmp.Diff([]string{"key", "malformed", "none", "unknown"}, slices.Compact(s.kinds())); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			tries := 1
			if slices.Contains([]int{429, 502, 503, 504}, r.status) {
				tries = 5 // it may be starting: again after 5, 15, 35 and 60 seconds
			}
			if n := len(s.kinds()); n != tries+3 {
				t.Errorf("%d requests, want %d with the key", n, tries)
			}
		})
	}
}

func TestAKeyNeverGoesWhereThereWasNoRefusal(t *testing.T) {
	t.Parallel()
	// by answers by the kind of token; what it does not name gets 403.
	by := func(answers map[string]http.HandlerFunc) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := answers[kind(r.Header.Get("X-Auth-Token"))]
			if answer == nil {
				answer = reply(403, forbidden)
			}
			answer(w, r)
		})
	}
	all := func(status int, header ...string) http.Handler { return reply(status, "", header...) }
	rows := []struct {
		name   string
		answer http.Handler
		change func(*probe.Endpoint)
		result probe.Result
	}{
		{"200 to all", all(200), nil, probe.Open},
		{"204 to all", all(204), nil, probe.Open},
		{"302 to all", all(302, "Location", "/login"), nil, probe.Open},
		{"307 to all", all(307, "Location", "/login"), nil, probe.Open},
		{"400 to all", all(400), nil, probe.Open},
		{"404 to all", all(404), nil, probe.Unclear},
		{"404 to all, default endpoint off", all(404), func(e *probe.Endpoint) { e.Resource.HostMayBeOff = true }, probe.Disabled},
		{
			"404 to all, default endpoint off, custom domain", all(404),
			func(e *probe.Endpoint) { e.Resource.HostMayBeOff, e.Custom = true, true }, probe.Unclear,
		},
		{"429 to all", all(429), nil, probe.Unclear},
		{"500 to all", all(500), nil, probe.Unclear},
		{"503 to all", all(503), nil, probe.Unclear},
		{"200 without a token", by(map[string]http.HandlerFunc{"none": reply(200, "")}), nil, probe.Open},
		{"200 to a malformed token", by(map[string]http.HandlerFunc{"malformed": reply(200, "")}), nil, probe.Open},
		{"200 to an unknown token", by(map[string]http.HandlerFunc{"unknown": reply(200, "")}), nil, probe.Open},
		{"503 to a malformed token", by(map[string]http.HandlerFunc{"malformed": reply(503, "")}), nil, probe.Unclear},
		{"404 to an unknown token", by(map[string]http.HandlerFunc{"unknown": reply(404, "")}), nil, probe.Unclear},
		{"429 without a token", by(map[string]http.HandlerFunc{"none": reply(429, "")}), nil, probe.Unclear},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, r.answer)
			e := api()
			if r.change != nil {
				r.change(&e)
			}
			p := probe.New(options(s.reach(t, time.Minute)))
			row := one(t, p, e, key())
			if row.Result != r.result || row.Keys[0].Answer.Verdict != probe.NotTried || row.Opened() {
				t.Errorf("result %s (%s), want %s; key: %+v", row.Result, row.Detail, r.result, row.Keys[0].Answer)
			}
			if _, found := p.Witness(t.Context(), []probe.Endpoint{e}, []probe.Key{key()}, key()); found {
				t.Error("it is a witness")
			}
			if diff := cmp.Diff([]string{"malformed", "none", "unknown"}, slices.Compact(s.kinds())); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestARedirectIsNeverFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, with := range []string{"without a key", "with a key"} {
			t.Run(fmt.Sprint(status, " ", with), func(t *testing.T) {
				t.Parallel()
				other := serve(t, reply(200, "caught"))
				redirect := reply(status, "", "Location", other.URL+"/catch")
				s := serve(t, door(reply(403, forbidden), redirect))
				if with == "without a key" {
					s = serve(t, redirect)
				}
				one(t, probe.New(options(s.reach(t, time.Minute))), api(), key())
				if got := other.kinds(); len(got) > 0 {
					t.Errorf("the other host was asked: %v", got)
				}
				if asked := slices.Contains(s.kinds(), "key"); asked != (with == "with a key") {
					t.Errorf("the key was shown: %t", asked)
				}
			})
		}
	}
}

func TestPlainHTTPIsNeverAsked(t *testing.T) {
	t.Parallel()
	s := unstarted(reply(403, forbidden))
	s.Start()
	t.Cleanup(s.Close)
	for _, url := range []string{s.URL + "/favicon.ico", "HTTP://" + s.Listener.Addr().String(), "ftp://" + host + "/", s.Listener.Addr().String(), "https://exa mple/", ""} {
		e := api()
		e.URL = url
		p := probe.New(options(to(s.Listener.Addr().String(), time.Minute)))
		row := one(t, p, e, key())
		if row.Result != probe.Unclear || p.Sent() != 0 || len(s.kinds()) != 0 {
			t.Errorf("%q: result %s (%s), %d sent, %v received", url, row.Result, row.Detail, p.Sent(), s.kinds())
		}
	}
}

func TestOwnEndpointGetsNoKey(t *testing.T) {
	t.Parallel()
	s := serve(t, reply(403, forbidden))
	p := probe.New(options(s.reach(t, time.Minute)))
	e := at(host, func(e *probe.Endpoint) { e.Own = true })
	row := one(t, p, e, key())
	if row.Result != probe.Own || row.Keys[0].Answer.Verdict != probe.NotTried {
		t.Errorf("result %s, key %+v", row.Result, row.Keys[0].Answer)
	}
	if a := p.Try(t.Context(), e, key()); a.Verdict != probe.NotTried {
		t.Errorf("tried all the same: %+v", a)
	}
	if _, found := p.Witness(t.Context(), []probe.Endpoint{e}, []probe.Key{key()}, key()); found {
		t.Error("it is a witness")
	}
	if diff := cmp.Diff([]string{"malformed", "none", "unknown"}, s.kinds()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestAKeyWithoutTheProductsGrantIsNotTried(t *testing.T) {
	t.Parallel()
	s := serve(t, reply(403, forbidden))
	p := probe.New(options(s.reach(t, time.Minute)))
	for _, products := range [][]scaleway.Product{nil, {scaleway.Containers}} {
		k := key()
		k.Products = products
		row := one(t, p, api(), k)
		if row.Result != probe.Unproven || len(row.Keys) != 0 {
			t.Errorf("%v: result %s, %d keys", products, row.Result, len(row.Keys))
		}
		a := p.Try(t.Context(), api(), k)
		if a.Verdict != probe.NotTried || a.Detail != "its application has no FunctionsPrivateAccess" {
			t.Errorf("%v: %+v", products, a)
		}
	}
	if slices.Contains(s.kinds(), "key") {
		t.Error("the key was shown")
	}
}
