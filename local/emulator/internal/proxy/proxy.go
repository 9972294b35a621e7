package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
)

// Proxy is an HTTP proxy that reaches the emulator's hosts by their real names
// and nothing else: it never opens a connection. CONNECT to port 443 ends in
// TLS with a certificate of the emulator's own CA; port 80, and requests for
// http:// URLs, are served in plain.
//
// A client with HTTPS_PROXY and SSL_CERT_FILE set needs no special code.
type Proxy struct {
	hosts   Hosts
	ca      *authority
	front   *http.Server // speaks to clients as a proxy
	inside  *http.Server // serves what comes out of the tunnels
	tunnels *tunnels
	served  http.Handler
}

// How long a client may take for what is its turn.
const proxyHeaderTimeout = 10 * time.Second

// Hosts are what the proxy reaches.
type Hosts interface {
	// Serves tells whether a host is one of them.
	Serves(host string) bool
	// API is what serves the API's.
	API() http.Handler
	// Gateway is what serves all others.
	Gateway() http.Handler
}

// New returns a proxy with a fresh CA. Serve starts it.
func New(hosts Hosts) (*Proxy, error) {
	ca, err := newAuthority()
	if err != nil {
		return nil, fmt.Errorf("make the proxy's CA: %w", err)
	}
	api, gateway := hosts.API(), hosts.Gateway()
	p := &Proxy{hosts: hosts, ca: ca, tunnels: newTunnels()}
	p.served = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if traffic.HostOnly(r.Host) == traffic.APIHost {
			api.ServeHTTP(w, r)
			return
		}
		gateway.ServeHTTP(w, r)
	})
	p.inside = &http.Server{Handler: p.served, ReadHeaderTimeout: proxyHeaderTimeout}
	p.front = &http.Server{Handler: p, ReadHeaderTimeout: proxyHeaderTimeout}
	return p, nil
}

// CAPEM returns the CA's certificate, for SSL_CERT_FILE or a pool of roots.
func (p *Proxy) CAPEM() []byte { return p.ca.pem }

// Serve answers on ln, which must be of the loopback interface, until Shutdown
// or Close; it returns nil then.
func (p *Proxy) Serve(ln net.Listener) error {
	addr, ok := ln.Addr().(*net.TCPAddr)
	if !ok || !addr.IP.IsLoopback() {
		return fmt.Errorf("the proxy listens on loopback only, not on %s", ln.Addr())
	}
	inside := make(chan error, 1)
	go func() { inside <- p.inside.Serve(p.tunnels) }()
	err := p.front.Serve(ln)
	p.tunnels.shut()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	if other := <-inside; !errors.Is(other, http.ErrServerClosed) && !errors.Is(other, net.ErrClosed) {
		err = errors.Join(err, other)
	}
	return err
}

// Shutdown stops accepting and waits for requests under way, within ctx; then
// it cuts what is left, and returns ctx's error.
func (p *Proxy) Shutdown(ctx context.Context) error {
	err := p.front.Shutdown(ctx)
	p.tunnels.shut()
	return errors.Join(err, p.inside.Shutdown(ctx), p.Close())
}

// Close cuts every connection.
func (p *Proxy) Close() error {
	p.tunnels.shut()
	return errors.Join(p.front.Close(), p.inside.Close())
}

// ServeHTTP is the proxy as a handler, for a server of the caller's own; Serve
// must run all the same for tunnels to be served.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if r.Method != http.MethodConnect {
		host = r.URL.Host
	}
	if host == "" {
		http.Error(w, "this is a proxy: use it by HTTPS_PROXY", http.StatusBadRequest)
		return
	}
	if !p.hosts.Serves(traffic.HostOnly(host)) {
		http.Error(w, traffic.HostOnly(host)+" is not a host of this emulator, and nothing else is reached from here", http.StatusBadGateway)
		return
	}
	if r.Method == http.MethodConnect {
		p.connect(w, host)
		return
	}
	if r.URL.Scheme != "http" {
		http.Error(w, "use CONNECT for "+r.URL.Scheme, http.StatusBadRequest)
		return
	}
	plain := r.Clone(traffic.WithScheme(r.Context(), "http"))
	plain.Host, plain.URL.Scheme, plain.URL.Host = r.URL.Host, "", ""
	for name := range plain.Header {
		if strings.HasPrefix(name, "Proxy-") {
			plain.Header.Del(name)
		}
	}
	p.served.ServeHTTP(w, plain)
}

func (p *Proxy) connect(w http.ResponseWriter, target string) {
	host, port, err := net.SplitHostPort(target)
	if err != nil || port != "443" && port != "80" {
		http.Error(w, "only ports 443 and 80 exist here", http.StatusBadGateway)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "cannot take over the connection", http.StatusInternalServerError)
		return
	}
	if buffered.Reader.Buffered() > 0 {
		_ = conn.Close() // a client that speaks before it was told to
		return
	}
	_ = conn.SetDeadline(time.Time{}) // those of the front server
	if _, err := conn.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		_ = conn.Close()
		return
	}
	if port == "443" {
		conn = p.ca.end(conn, traffic.HostOnly(host))
	}
	if !p.tunnels.enter(conn) {
		_ = conn.Close()
	}
}

// tunnels is the listener of the inner server: what it accepts are connections
// that the front server has taken over.
type tunnels struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newTunnels() *tunnels { return &tunnels{conns: make(chan net.Conn), done: make(chan struct{})} }

func (t *tunnels) enter(c net.Conn) bool {
	select {
	case t.conns <- c:
		return true
	case <-t.done:
		return false
	}
}

func (t *tunnels) shut() { t.once.Do(func() { close(t.done) }) }

// Accept implements net.Listener.
func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case c := <-t.conns:
		return c, nil
	case <-t.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (t *tunnels) Close() error {
	t.shut()
	return nil
}

// Addr implements net.Listener.
func (t *tunnels) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
