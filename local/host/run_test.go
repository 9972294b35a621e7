package host_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/host"
)

func TestCodeSeesItsRequestAndItsEnvironmentAndNothingElse(t *testing.T) {
	t.Setenv("INHERITED", "by nobody") // so it is not parallel
	l := newLand(t, host.Options{Env: func() []string { return []string{"HTTPS_PROXY=http://127.0.0.1:1", "SSL_CERT_FILE=/ca.pem"} }})
	id, at := l.running(map[string]any{
		"privacy":                      "private",
		"environment_variables":        map[string]string{"HOOK": l.hook, "VERSION": "1", "OVER": "function", "PORT": "80"},
		"secret_environment_variables": []map[string]string{{"key": "OWN_SECRET", "value": "s3"}, {"key": "OVER_SECRET", "value": "s4"}},
	})
	for _, token := range []string{"", "nonsense", "11111111-1111-4111-8111-111111111111"} {
		if status, _ := l.send(l.request(at, token)); status != http.StatusForbidden {
			t.Errorf("with key %q: %d", token, status)
		}
	}
	for name, client := range map[string]*http.Client{"in process": l.HTTP, "through the proxy": l.proxied()} {
		r := l.request(at+"/a%20b?x=1&y=2", l.Secret)
		r.Header.Set("Connection", "close")
		came := make(chan *http.Response, 1)
		go func() {
			answer, err := client.Do(r)
			if err != nil {
				t.Error(name, err)
				close(came)
				return
			}
			_ = answer.Body.Close()
			came <- answer
		}()
		seen := l.next()
		seen.release()
		answer := <-came
		if answer == nil || answer.StatusCode != http.StatusAccepted || answer.Header.Get("X-Kind") != "fixture" || answer.Header.Get("Server") != "envoy" {
			t.Errorf("%s: %v", name, answer)
		}
		if seen.Method != "POST" || seen.Path != "/a b" || seen.Query != "x=1&y=2" || seen.Body != `{"a":1}` ||
			seen.Header.Get("X-Auth-Token") != l.Secret || seen.Header.Get("Connection") != "" {
			t.Errorf("%s: the code sees %+v", name, seen)
		}
		slices.Sort(seen.Env)
		want := []string{
			"HOOK=" + l.hook, "HTTPS_PROXY=http://127.0.0.1:1", "NS_SECRET=s1", "OVER=function", "OVER_SECRET=s4", "OWN_SECRET=s3", "PORT=0",
			"SCW_APPLICATION_ID=" + id, "SCW_NAMESPACE_ID=" + l.namespace, "SCW_PUBLIC=false", "SHARED=namespace", "SSL_CERT_FILE=/ca.pem", "VERSION=1",
		}
		if diff := cmp.Diff(want, seen.Env); diff != "" {
			t.Errorf("%s: environment, -want +got:\n%s", name, diff)
		}
	}
	if got := strings.Join(l.Logs(id), "\n"); !strings.Contains(got, "out /a b") || !strings.Contains(got, "err /a b") || strings.Contains(got, "listening") {
		t.Errorf("log:\n%s", got)
	}
	if got := l.Call(l.Secret, "GET", base+"/functions/"+id, nil).Text; strings.Contains(got, "out /a b") {
		t.Errorf("the API shows the log: %s", got)
	}
	if got := l.got(l.ask(at + "/favicon.ico")); got.status != http.StatusForbidden || l.Invocations(id) != 2 {
		t.Errorf("favicon: %v, %d invocations", got, l.Invocations(id))
	}
}

func (l *land) request(at, token string) *http.Request {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, at, strings.NewReader(`{"a":1}`))
	if err != nil {
		l.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("X-Auth-Token", token)
	}
	return r
}

// proxied is a client that goes through the emulator's proxy.
func (l *land) proxied() *http.Client {
	l.t.Helper()
	proxy, err := l.NewProxy()
	if err != nil {
		l.t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(l.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		l.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- proxy.Serve(listener) }()
	l.t.Cleanup(func() {
		_ = proxy.Close() // cuts what is open
		if err := <-ended; err != nil {
			l.t.Error(err)
		}
	})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(proxy.CAPEM())
	through := &url.URL{Scheme: "http", Host: listener.Addr().String()}
	return &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(through), TLSClientConfig: &tls.Config{RootCAs: roots}}}
}

func TestOneRequestAtATimeAndNoMoreInstancesThanAllowed(t *testing.T) {
	t.Parallel()
	l := newLand(t, host.Options{})
	_, at := l.running(map[string]any{"max_scale": 2})
	const requests = 7
	var came []<-chan answer
	for range requests {
		came = append(came, l.ask(at))
	}
	busy, seen := map[int]call{}, map[int]bool{}
	for range requests {
		c := l.next()
		if _, twice := busy[c.PID]; twice || len(busy) == 2 {
			t.Fatalf("process %d is called while %d are busy", c.PID, len(busy))
		}
		busy[c.PID], seen[c.PID] = c, true
		if len(busy) < 2 {
			continue
		}
		for pid, c := range busy {
			delete(busy, pid)
			c.release()
			break
		}
	}
	for _, c := range busy {
		c.release()
	}
	for _, answer := range came {
		l.answers(answer, "1")
	}
	if len(seen) != 2 {
		t.Errorf("%d processes, want 2", len(seen))
	}
}

func TestARequestThatTakesTooLongIsCutOffWithItsInstance(t *testing.T) {
	t.Parallel()
	over := make(chan time.Time)
	l := newLand(t, host.Options{After: func(d time.Duration) <-chan time.Time {
		if d == 77*time.Second {
			return over
		}
		return nil
	}})
	_, at := l.running(map[string]any{"timeout": "77s"})
	came := l.ask(at)
	first := l.next()
	over <- time.Time{}
	if got, want := l.got(came), (answer{http.StatusGatewayTimeout, "upstream request timeout"}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	l.once(0)
	came = l.ask(at)
	second := l.next()
	second.release()
	l.answers(came, "1")
	if first.PID == second.PID {
		t.Error("the instance goes on")
	}
	// One that waits in vain for an instance is told the same.
	came = l.ask(at)
	busy := l.next()
	waits := l.ask(at)
	over <- time.Time{}
	over <- time.Time{}
	if got := l.got(waits); got.status != http.StatusGatewayTimeout {
		t.Errorf("who waits gets %v", got)
	}
	busy.release()
	if got := l.got(came); got.status != http.StatusGatewayTimeout {
		t.Errorf("who was served gets %v", got)
	}
}

func TestAnInstanceThatDiesIsReplaced(t *testing.T) {
	t.Parallel()
	l := newLand(t, host.Options{})
	_, at := l.running(nil)
	came := l.ask(at + "/die")
	l.next().release()
	if got := l.got(came); got.status != http.StatusServiceUnavailable {
		t.Errorf("got %v", got)
	}
	l.once(0)
	came = l.ask(at)
	idle := l.next()
	idle.release()
	l.answers(came, "1")
	if err := syscall.Kill(idle.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	l.once(0)
	came = l.ask(at)
	l.next().release()
	l.answers(came, "1")
}

func TestCodeGoesOnWhenItsCallerHasGone(t *testing.T) {
	t.Parallel()
	l := newLand(t, host.Options{})
	_, at := l.running(nil)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	gone := l.askUntil(ctx, at)
	first := l.next()
	leave()
	if err := await(t, gone, "word of the cut"); err == nil {
		t.Error("who has gone gets an answer")
	}
	came := l.ask(at)
	first.release() // only now is the instance free
	second := l.next()
	second.release()
	l.answers(came, "1")
	if first.PID != second.PID {
		t.Error("another instance was started while the first was busy")
	}
}

func TestARedeployLetsCodeEndWhoseCallerHasGone(t *testing.T) {
	t.Parallel()
	l := newLand(t, host.Options{})
	id, at := l.running(nil)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	gone := l.askUntil(ctx, at+"/left")
	left := l.next()
	leave()
	if err := await(t, gone, "word of the cut"); err == nil {
		t.Error("who has gone gets an answer")
	}
	if f := l.deploy(id); f["status"] != "ready" {
		t.Fatalf("redeploy: %v", f)
	}
	left.release()
	l.once(2)
	l.once(1)
	if log := strings.Join(l.Logs(id), "\n"); !strings.Contains(log, "done /left") {
		t.Errorf("the code was ended in the midst of it:\n%s", log)
	}
}

// askUntil sends a request whose caller leaves when ctx ends.
func (l *land) askUntil(ctx context.Context, at string) <-chan error {
	gone := make(chan error, 1)
	go func() {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
		if err != nil {
			l.t.Error(err)
		}
		answer, err := l.HTTP.Do(r)
		if err == nil {
			_ = answer.Body.Close()
		}
		gone <- err
	}()
	return gone
}
