package emulator_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// proxied is an ordinary client that knows nothing but a proxy and a CA.
func proxied(t *testing.T, l *emulatortest.Land) *http.Client {
	t.Helper()
	p, err := l.NewProxy()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- p.Serve(ln) }()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(p.CAPEM()) {
		t.Fatal("no certificate in CAPEM")
	}
	transport := &http.Transport{
		Proxy:           http.ProxyURL(&url.URL{Scheme: "http", Host: ln.Addr().String()}),
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := p.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return &http.Client{
		Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func fetch(t *testing.T, client *http.Client, target, token string) (int, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", token)
	answer, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

func TestProxyReachesTheEmulatorsHostsByTheirNames(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	client := proxied(t, l)
	for _, row := range []struct {
		name, url, token string
		want             int
	}{
		{"the API", "https://api.scaleway.com" + emulatortest.FunctionsBase + "/functions", l.Secret, 200},
		{"the API without a key", "https://api.scaleway.com" + emulatortest.FunctionsBase + "/functions", "", 401},
		{"a private function", "https://" + l.MustEndpoint("api").Host + "/", "", 403},
		{"with its token", "https://" + l.MustEndpoint("api").Host + "/", l.JWT("api", "live"), 200},
		{"again, on the same connection", "https://" + l.MustEndpoint("api").Host + "/", l.JWT("api", "live"), 200},
		{"plain HTTP, redirected", "http://" + l.MustEndpoint("api").Host + "/", "", 301},
		{"plain HTTP, served", "http://" + l.MustEndpoint("open").Host + "/", "", 200},
		{"a host of the gateway that is nobody's", "https://nobody.functions.fnc.fr-par.scw.cloud/", "", 404},
	} {
		if got, body, err := fetch(t, client, row.url, row.token); err != nil || got != row.want {
			t.Errorf("%s: %d %q %v, want %d", row.name, got, body, err, row.want)
		}
	}
}

func TestProxyReachesNothingElse(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	client := proxied(t, l)
	for _, target := range []string{"https://example.com/", "https://127.0.0.1/", "https://api.scaleway.com:8443/", "https://functions.fnc.scw.cloud.example.com/"} {
		if got, _, err := fetch(t, client, target, ""); err == nil || !strings.Contains(err.Error(), "Bad Gateway") {
			t.Errorf("%s: %d %v", target, got, err)
		}
	}
	if got, _, err := fetch(t, client, "http://example.com/", ""); err != nil || got != http.StatusBadGateway {
		t.Errorf("in plain: %d %v", got, err)
	}
	if n := len(l.History()); n != 0 {
		t.Errorf("%d requests reached the emulator", n)
	}
}

func TestProxyCutsConnectionsAsFaultsSay(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	client := proxied(t, l)
	l.Arm(emulator.Fault{DropAfter: true, Times: -1})
	if got, _, err := fetch(t, client, "https://"+l.MustEndpoint("open").Host+"/", ""); err == nil {
		t.Errorf("cut: %d", got)
	}
	l.Disarm()
	l.Arm(emulator.Fault{Half: true})
	if _, _, err := fetch(t, client, "https://"+l.MustEndpoint("open").Host+"/", ""); err == nil {
		t.Error("half a body read as a whole one")
	}
}

func TestProxyListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	p, err := emulatortest.NewLand(t, emulator.Options{}).NewProxy()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Serve(elsewhere{}); err == nil {
		t.Error("it serves on every interface")
	}
}

func TestProxyTrustsOnlyItsOwnCA(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	client := proxied(t, l)
	client.Transport.(*http.Transport).TLSClientConfig.RootCAs = x509.NewCertPool()
	if _, _, err := fetch(t, client, "https://api.scaleway.com/", ""); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a client without the CA: %v", err)
	}
}

// elsewhere is a listener of another interface; nothing listens.
type elsewhere struct{ net.Listener }

func (elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 3128} }
