package emulator_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

// visit asks an endpoint, without following redirects.
func (l *land) visit(url, token string) (int, string, http.Header) {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("X-Auth-Token", token)
	}
	answer, err := l.RoundTripper().RoundTrip(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return answer.StatusCode, string(body), answer.Header
}

// jwt is the legacy token of that description: the first, if name is "".
func (l *land) jwt(name, description string) string {
	l.t.Helper()
	for _, token := range l.Tokens() {
		if token.Description == description && (name == "" || token.Name == name) {
			return token.JWT
		}
	}
	l.t.Fatalf("no token %q of %q", description, name)
	return ""
}

// callers are applications that hold rights on private endpoints.
func callers() emulator.Seed {
	application := func(name string, sets []string, on string) emulator.SeedApplication {
		return emulator.SeedApplication{
			Name: name, Keys: []emulator.SeedKey{{}},
			Policies: []emulator.SeedPolicy{{Name: name, Rules: []emulator.SeedRule{{PermissionSets: sets, Projects: []string{on}}}}},
		}
	}
	return emulator.Seed{
		Projects: []emulator.SeedProject{{Name: "other"}},
		Applications: []emulator.SeedApplication{
			application("functions", []string{"FunctionsPrivateAccess"}, "default"),
			application("containers", []string{"ContainersPrivateAccess"}, "default"),
			application("elsewhere", []string{"FunctionsPrivateAccess", "ContainersPrivateAccess"}, "other"),
			application("reader", []string{"FunctionsReadOnly", "ContainersReadOnly"}, "default"),
		},
	}
}

func (l *land) secretOf(application string) string {
	l.t.Helper()
	for _, pair := range l.Keys(l.Application(application)) {
		return pair.SecretKey
	}
	l.t.Fatalf("application %s has no key", application)
	return ""
}

func TestGatewayAdmits(t *testing.T) {
	t.Parallel()
	l := newLand(t, emulator.Options{}, place())
	seed := callers()
	seed.Serverless = []emulator.SeedPlace{{Project: "default", Serverless: emulator.SeedServerless{
		FunctionNamespaces: []emulator.SeedFunctionNamespace{{Name: "side-ns", Functions: []emulator.SeedFunction{{Name: "side"}}}},
	}}}
	if err := l.Load(seed); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		endpoint, bearer, token string
		want                    int
	}{
		{"api", "nobody", "", 403},
		{"api", "nonsense", "nonsense", 403},
		{"api", "an unknown key", "11111111-1111-4111-8111-111111111111", 403},
		{"api", "a key that may call functions", l.secretOf("functions"), 200},
		{"api", "a key that may call containers", l.secretOf("containers"), 403},
		{"api", "a key of another project", l.secretOf("elsewhere"), 403},
		{"api", "a key that may read functions", l.secretOf("reader"), 403},
		{"api", "its own token", l.jwt("api", "live"), 200},
		{"api", "its own token, expired", l.jwt("api", "old"), 403},
		{"api", "its namespace's token", l.jwt("", "whole namespace"), 200},
		{"api", "a container's token", l.jwt("shop", "shop"), 403},
		{"api", "a token with another signature", l.jwt("api", "live") + "x", 403},
		{"side", "a key that may call functions", l.secretOf("functions"), 200},
		{"side", "another namespace's token", l.jwt("", "whole namespace"), 403},
		{"side", "another function's token", l.jwt("api", "live"), 403},
		{"open", "nobody", "", 200},
		{"open", "nonsense", "nonsense", 200},
		{"shop", "a key that may call containers", l.secretOf("containers"), 404},
		{"shop", "a key that may call functions", l.secretOf("functions"), 403},
		{"shop", "its own token", l.jwt("shop", "shop"), 404},
		{"shop", "a function's token", l.jwt("api", "live"), 403},
	} {
		if got, body, _ := l.visit("https://"+l.endpoint(row.endpoint).Host+"/", row.token); got != row.want {
			t.Errorf("%s by %s: %d %q, want %d", row.endpoint, row.bearer, got, body, row.want)
		}
	}
}

func TestGatewayRefusesADeletedToken(t *testing.T) {
	t.Parallel()
	l := newLand(t, emulator.Options{}, place())
	url, jwt := "https://"+l.endpoint("api").Host+"/", l.jwt("api", "live")
	for _, token := range l.Tokens() {
		if token.Description == "live" {
			l.raw("DELETE", functionsBase+"/tokens/"+token.ID, "")
		}
	}
	if got, _, _ := l.visit(url, jwt); got != 403 {
		t.Errorf("a token that is being deleted: %d", got)
	}
	l.pass(time.Minute)
	if got, _, _ := l.visit(url, jwt); got != 403 {
		t.Errorf("a token that is gone: %d", got)
	}
}

func TestGatewayRefusalIsConfigurable(t *testing.T) {
	t.Parallel()
	l := newLand(t, emulator.Options{Answers: emulator.Answers{RefusalStatus: 401, RefusalBody: "who are you?"}}, place())
	if got, body, _ := l.visit("https://"+l.endpoint("api").Host+"/", ""); got != 401 || body != "who are you?" {
		t.Errorf("%d %q", got, body)
	}
}

func TestGatewayByStatusAndHost(t *testing.T) {
	t.Parallel()
	no := false
	world := emulator.SeedPlace{Project: "default", Serverless: emulator.SeedServerless{
		FunctionNamespaces: []emulator.SeedFunctionNamespace{{Name: "n", Functions: []emulator.SeedFunction{
			{Name: "ready", Privacy: "public", Domains: []string{"www.example.com"}},
			{Name: "plain", Privacy: "public", HTTPOption: "enabled"},
			{Name: "broken", Privacy: "public", Status: "error", ErrorMessage: "internal error"},
			{Name: "never", Privacy: "public", Status: "created"},
			{Name: "locked", Status: "error"},
		}}},
		ContainerNamespaces: []emulator.SeedContainerNamespace{{Name: "n", Containers: []emulator.SeedContainer{
			{Name: "hidden", Privacy: "public", DefaultPublicEndpointEnabled: &no, Domains: []string{"shop.example.com"}},
		}}},
	}}
	l := newLand(t, emulator.Options{}, world)
	host := func(name string) string { return l.endpoint(name).Host }
	for _, row := range []struct {
		url      string
		want     int
		location string
	}{
		{"https://" + host("ready") + "/", 200, ""},
		{"https://" + strings.ToUpper(host("ready")) + ":443/", 200, ""},
		{"https://www.example.com/", 200, ""},
		{"http://" + host("ready") + "/a?b=c", 301, "https://" + host("ready") + "/a?b=c"},
		{"http://" + host("plain") + "/", 200, ""},
		{"https://" + host("broken") + "/", 503, ""},
		{"https://" + host("never") + "/", 503, ""},
		{"https://" + host("locked") + "/", 403, ""},
		{"https://" + host("hidden") + "/", 404, ""},
		{"https://shop.example.com/", 200, ""},
		{"https://nobody.functions.fnc.fr-par.scw.cloud/", 404, ""},
		{"https://unknown.example.com/", 404, ""},
	} {
		got, _, header := l.visit(row.url, "")
		if got != row.want || header.Get("Location") != row.location {
			t.Errorf("%s: %d to %q, want %d to %q", row.url, got, header.Get("Location"), row.want, row.location)
		}
	}
}

func TestProbePathsOfFunctionsNeverReachTheHandler(t *testing.T) {
	t.Parallel()
	l := newLand(t, emulator.Options{}, place())
	end := l.endpoint("open")
	for _, path := range []string{"/favicon.ico", "/robots.txt"} {
		if got, _, _ := l.visit("https://"+end.Host+path, ""); got != 404 {
			t.Errorf("%s: %d", path, got)
		}
	}
	if n := l.Invocations(end.ID); n != 0 {
		t.Errorf("the handler ran %d times", n)
	}
	l.visit("https://"+end.Host+"/", "")
	l.visit("https://"+l.endpoint("api").Host+"/", "")
	if n := l.Invocations(end.ID); n != 1 {
		t.Errorf("the handler ran %d times, want once", n)
	}
	if n := l.Invocations(l.endpoint("api").ID); n != 0 {
		t.Errorf("a refused request ran a handler %d times", n)
	}
}

func TestContainersAnswerByPath(t *testing.T) {
	t.Parallel()
	l := newLand(t, emulator.Options{}, place())
	end, token := l.endpoint("shop"), l.jwt("shop", "shop")
	for path, want := range map[string]int{"/health": 200, "/": 404, "/favicon.ico": 404} {
		if got, _, _ := l.visit("https://"+end.Host+path, token); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
}

func TestEndpointsAnswerAsSeeded(t *testing.T) {
	t.Parallel()
	answers := map[string]*emulator.SeedAnswer{
		"teapot": {Status: 418, Body: "short", Headers: map[string]string{"X-Kind": "pot"}},
		"parrot": {EchoHeaders: true},
		"mover":  {Redirect: "https://evil.example.com/"},
		"slow":   {Delay: emulator.SeedAge(time.Minute)},
	}
	functions := []emulator.SeedFunction{}
	for name, answer := range answers {
		functions = append(functions, emulator.SeedFunction{Name: name, Privacy: "public", Answer: answer})
	}
	l := newLand(t, emulator.Options{}, emulator.SeedPlace{Project: "default", Serverless: emulator.SeedServerless{
		FunctionNamespaces: []emulator.SeedFunctionNamespace{{Name: "n", Functions: functions}},
	}})
	url := func(name string) string { return "https://" + l.endpoint(name).Host + "/" }
	if got, body, header := l.visit(url("teapot"), ""); got != 418 || body != "short" || header.Get("X-Kind") != "pot" {
		t.Errorf("teapot: %d %q %v", got, body, header)
	}
	if _, body, header := l.visit(url("parrot"), "a-token"); !strings.Contains(body, "X-Auth-Token: a-token") || header.Get("X-Auth-Token") != "a-token" {
		t.Errorf("parrot: %q %v", body, header)
	}
	if got, _, header := l.visit(url("mover"), ""); got != 302 || header.Get("Location") != "https://evil.example.com/" {
		t.Errorf("mover: %d %v", got, header)
	}
	before := l.Clock().Now()
	if l.visit(url("slow"), ""); l.Clock().Now().Sub(before) != time.Minute {
		t.Errorf("slow took %s", l.Clock().Now().Sub(before))
	}
}

func TestHandlersCanBePlugged(t *testing.T) {
	t.Parallel()
	l := newLand(t, emulator.Options{}, place())
	end := l.endpoint("api")
	if !l.SetBehaviour(end.ID, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// It may call the API: the gateway holds no lock meanwhile.
		status, _ := l.raw("GET", functionsBase+"/functions/"+end.ID, "") //nolint:contextcheck // it has the test's
		fmt.Fprintf(w, "%s %d", r.URL.Path, status)
	})) {
		t.Fatal("no such function")
	}
	if got, body, _ := l.visit("https://"+end.Host+"/run", l.jwt("api", "live")); got != 200 || body != "/run 200" {
		t.Errorf("%d %q", got, body)
	}
	if got, _, _ := l.visit("https://"+end.Host+"/run", ""); got != 403 {
		t.Errorf("without a token: %d", got)
	}
	if l.SetBehaviour("nothing", nil) {
		t.Error("an unknown id was taken")
	}
}

func TestDoorServesWhateverTheHost(t *testing.T) {
	t.Parallel()
	l := newLand(t, emulator.Options{}, place())
	door := l.Door(l.endpoint("api").ID)
	for token, want := range map[string]int{"": 403, l.jwt("api", "live"): 200} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:8080/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Auth-Token", token)
		w := &writer{header: http.Header{}}
		door.ServeHTTP(w, r)
		if w.status != want {
			t.Errorf("token %q: %d, want %d", token, w.status, want)
		}
	}
}

// writer keeps a status.
type writer struct {
	header http.Header
	status int
}

func (w *writer) Header() http.Header         { return w.header }
func (w *writer) Write(p []byte) (int, error) { return len(p), nil }
func (w *writer) WriteHeader(status int)      { w.status = status }

func TestGatewayRequestsAreInTheHistoryAndStruckByFaults(t *testing.T) {
	t.Parallel()
	l := newLand(t, emulator.Options{}, place())
	if err := l.Load(callers()); err != nil {
		t.Fatal(err)
	}
	host := l.endpoint("api").Host
	l.Arm(emulator.Fault{Path: "/struck", Status: 502, Body: "bad gateway", Header: http.Header{"Content-Type": {"text/plain"}}})
	l.ForgetHistory()
	l.visit("https://"+host+"/favicon.ico", l.secretOf("functions"))
	if got, body, _ := l.visit("https://"+host+"/struck", ""); got != 502 || body != "bad gateway" {
		t.Errorf("struck: %d %q", got, body)
	}
	type line struct {
		Host, Path, Fault string
		Status            int
		Known             bool
	}
	got := []line{}
	for _, r := range l.History() {
		got = append(got, line{r.Host, r.Path, r.Fault, r.Status, r.AccessKey != ""})
	}
	want := []line{{host, "/favicon.ico", "", 404, true}, {host, "/struck", "Bad Gateway", 502, false}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
