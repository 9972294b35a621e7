package emulator_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

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

func TestGatewayAdmits(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
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
		{"api", "a key that may call functions", l.SecretOf("functions"), 200},
		{"api", "a key that may call containers", l.SecretOf("containers"), 403},
		{"api", "a key of another project", l.SecretOf("elsewhere"), 403},
		{"api", "a key that may read functions", l.SecretOf("reader"), 403},
		{"api", "its own token", l.JWT("api", "live"), 200},
		{"api", "its own token, expired", l.JWT("api", "old"), 403},
		{"api", "its namespace's token", l.JWT("", "whole namespace"), 200},
		{"api", "a container's token", l.JWT("shop", "shop"), 403},
		{"api", "a token with another signature", l.JWT("api", "live") + "x", 403},
		{"side", "a key that may call functions", l.SecretOf("functions"), 200},
		{"side", "another namespace's token", l.JWT("", "whole namespace"), 403},
		{"side", "another function's token", l.JWT("api", "live"), 403},
		{"open", "nobody", "", 200},
		{"open", "nonsense", "nonsense", 200},
		{"shop", "a key that may call containers", l.SecretOf("containers"), 404},
		{"shop", "a key that may call functions", l.SecretOf("functions"), 403},
		{"shop", "its own token", l.JWT("shop", "shop"), 404},
		{"shop", "a function's token", l.JWT("api", "live"), 403},
	} {
		if got, body, _ := l.Visit("https://"+l.MustEndpoint(row.endpoint).Host+"/", row.token); got != row.want {
			t.Errorf("%s by %s: %d %q, want %d", row.endpoint, row.bearer, got, body, row.want)
		}
	}
}

func TestGatewayRefusesADeletedToken(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	url, jwt := "https://"+l.MustEndpoint("api").Host+"/", l.JWT("api", "live")
	for _, token := range l.Tokens() {
		if token.Description == "live" {
			l.Raw("DELETE", emulatortest.FunctionsBase+"/tokens/"+token.ID, "")
		}
	}
	if got, _, _ := l.Visit(url, jwt); got != 403 {
		t.Errorf("a token that is being deleted: %d", got)
	}
	l.Pass(time.Minute)
	if got, _, _ := l.Visit(url, jwt); got != 403 {
		t.Errorf("a token that is gone: %d", got)
	}
}

func TestGatewayRefusalIsConfigurable(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{Answers: emulator.Answers{RefusalStatus: 401, RefusalBody: "who are you?"}}, emulatortest.Place())
	if got, body, _ := l.Visit("https://"+l.MustEndpoint("api").Host+"/", ""); got != 401 || body != "who are you?" {
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
	l := emulatortest.NewLand(t, emulator.Options{}, world)
	host := func(name string) string { return l.MustEndpoint(name).Host }
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
		got, _, header := l.Visit(row.url, "")
		if got != row.want || header.Get("Location") != row.location {
			t.Errorf("%s: %d to %q, want %d to %q", row.url, got, header.Get("Location"), row.want, row.location)
		}
	}
}

func TestProbePathsOfFunctionsNeverReachTheHandler(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	end := l.MustEndpoint("open")
	for _, path := range []string{"/favicon.ico", "/robots.txt"} {
		if got, _, _ := l.Visit("https://"+end.Host+path, ""); got != 404 {
			t.Errorf("%s: %d", path, got)
		}
	}
	if n := l.Invocations(end.ID); n != 0 {
		t.Errorf("the handler ran %d times", n)
	}
	l.Visit("https://"+end.Host+"/", "")
	l.Visit("https://"+l.MustEndpoint("api").Host+"/", "")
	if n := l.Invocations(end.ID); n != 1 {
		t.Errorf("the handler ran %d times, want once", n)
	}
	if n := l.Invocations(l.MustEndpoint("api").ID); n != 0 {
		t.Errorf("a refused request ran a handler %d times", n)
	}
}

func TestContainersAnswerByPath(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	end, token := l.MustEndpoint("shop"), l.JWT("shop", "shop")
	for path, want := range map[string]int{"/health": 200, "/": 404, "/favicon.ico": 404} {
		if got, _, _ := l.Visit("https://"+end.Host+path, token); got != want {
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
	l := emulatortest.NewLand(t, emulator.Options{}, emulator.SeedPlace{Project: "default", Serverless: emulator.SeedServerless{
		FunctionNamespaces: []emulator.SeedFunctionNamespace{{Name: "n", Functions: functions}},
	}})
	url := func(name string) string { return "https://" + l.MustEndpoint(name).Host + "/" }
	if got, body, header := l.Visit(url("teapot"), ""); got != 418 || body != "short" || header.Get("X-Kind") != "pot" {
		t.Errorf("teapot: %d %q %v", got, body, header)
	}
	if _, body, header := l.Visit(url("parrot"), "a-token"); !strings.Contains(body, "X-Auth-Token: a-token") || header.Get("X-Auth-Token") != "a-token" {
		t.Errorf("parrot: %q %v", body, header)
	}
	if got, _, header := l.Visit(url("mover"), ""); got != 302 || header.Get("Location") != "https://evil.example.com/" {
		t.Errorf("mover: %d %v", got, header)
	}
	before := l.Clock().Now()
	if l.Visit(url("slow"), ""); l.Clock().Now().Sub(before) != time.Minute {
		t.Errorf("slow took %s", l.Clock().Now().Sub(before))
	}
}

func TestHandlersCanBePlugged(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	end := l.MustEndpoint("api")
	if !l.SetBehaviour(end.ID, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// It may call the API: the gateway holds no lock meanwhile.
		status, _ := l.Raw("GET", emulatortest.FunctionsBase+"/functions/"+end.ID, "")
		fmt.Fprintf(w, "%s %d", r.URL.Path, status)
	})) {
		t.Fatal("no such function")
	}
	if got, body, _ := l.Visit("https://"+end.Host+"/run", l.JWT("api", "live")); got != 200 || body != "/run 200" {
		t.Errorf("%d %q", got, body)
	}
	if got, _, _ := l.Visit("https://"+end.Host+"/run", ""); got != 403 {
		t.Errorf("without a token: %d", got)
	}
	if l.SetBehaviour("nothing", nil) {
		t.Error("an unknown id was taken")
	}
}

func TestDoorServesWhateverTheHost(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	door := l.Door(l.MustEndpoint("api").ID)
	for token, want := range map[string]int{"": 403, l.JWT("api", "live"): 200} {
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
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	if err := l.Load(callers()); err != nil {
		t.Fatal(err)
	}
	host := l.MustEndpoint("api").Host
	l.Arm(emulator.Fault{Path: "/struck", Status: 502, Body: "bad gateway", Header: http.Header{"Content-Type": {"text/plain"}}})
	l.ForgetHistory()
	l.Visit("https://"+host+"/favicon.ico", l.SecretOf("functions"))
	if got, body, _ := l.Visit("https://"+host+"/struck", ""); got != 502 || body != "bad gateway" {
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
