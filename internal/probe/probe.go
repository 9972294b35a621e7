package probe

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// Endpoint is one URL of a private function or container.
type Endpoint struct {
	Resource scaleway.Resource
	Host     string
	URL      string // https, with the path that is probed; where there is a doubt, only to be read
	Custom   bool   // a custom domain, else the default one
	Own      bool   // of the function that is running
	Doubt    string // why Host is not one to send anything to, or ""
}

// Key is a credential that endpoints are tried with.
type Key struct {
	ApplicationID string
	Application   string // its name
	Pair          scaleway.KeyPair
	Products      []scaleway.Product // whose private endpoints it may call
	Fresh         bool               // so young that IAM's caches may not know it yet
	Once          bool               // it asks one endpoint of each product, that another key has opened
}

// Options set a Prober up.
type Options struct {
	Transport   http.RoundTripper // nil: Go's, with bounds
	Timeout     time.Duration     // of one request
	Clock       clock.Clock
	Concurrency int           // requests in flight
	Patience    time.Duration // for how long a fresh key may be refused
}

// Prober asks endpoints. It asks each of them for its refusals once.
type Prober struct {
	client   *http.Client
	clock    clock.Clock
	slots    chan struct{}
	hosts    map[string]chan struct{} // slots of each host, under mu
	patience time.Duration
	timeout  time.Duration
	unknown  redact.Secret // a well-formed token that nobody has
	sent     atomic.Int64

	mu       sync.Mutex
	refusals map[string]*refusals // by URL
	slow     map[string]string    // the access key to which a URL gave no answer in time
}

// refusals are one endpoint's, and who asks it for them.
type refusals struct {
	mu      sync.Mutex
	answers Refusals
}

// New returns a prober that has asked nobody yet.
func New(o Options) *Prober {
	return &Prober{
		client: client(o.Transport, o.Timeout), clock: o.Clock, patience: o.Patience, timeout: o.Timeout,
		slots: make(chan struct{}, o.Concurrency), unknown: redact.New(unknownToken()),
		refusals: map[string]*refusals{}, slow: map[string]string{}, hosts: map[string]chan struct{}{},
	}
}

// unknownToken is a UUID, as secret keys are, that was never one.
func unknownToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Sent returns how many requests went out.
func (p *Prober) Sent() int64 { return p.sent.Load() }

// Endpoints returns the URLs of the private resources, each default domain and
// each ready custom one. path is probed on functions and on containers without
// an HTTP health check.
func Endpoints(resources []scaleway.Resource, path string, own func(scaleway.Resource) bool) []Endpoint {
	var endpoints []Endpoint
	for _, r := range resources {
		if !r.Private {
			continue
		}
		at := path
		if r.HealthPath != "" && r.HealthPath[0] == '/' {
			at = r.HealthPath
		}
		add := func(host string, custom bool) {
			host = strings.ToLower(host) // names of hosts compare so
			e := Endpoint{Resource: r, Host: host, URL: "https://" + host + at, Custom: custom, Own: own(r)}
			if e.Doubt = doubtful(host, r, custom); e.Doubt != "" {
				e.URL = r.Product.One() + " " + r.Name + " at " + strconv.QuoteToASCII(host[:min(len(host), 100)])
			}
			endpoints = append(endpoints, e)
		}
		if r.Host != "" || !r.HostMayBeOff {
			add(r.Host, false)
		}
		for _, d := range r.Domains {
			if d.Ready {
				add(d.Host, true)
			}
		}
	}
	return endpoints
}

// outOfTime is why something was not asked.
const outOfTime = "the run's time was over"

// perHost is how many requests to one host are in flight at the most: it may be
// asleep, and it is somebody's.
const perHost = 3

func (p *Prober) host(host string) chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hosts[host] == nil {
		p.hosts[host] = make(chan struct{}, perHost)
	}
	return p.hosts[host]
}

// ask sends one request, when there is a slot: first of its host, so that a slow
// one takes none from the others.
func (p *Prober) ask(ctx context.Context, e Endpoint, token redact.Secret) Answer {
	for _, slots := range []chan struct{}{p.host(e.Host), p.slots} {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-ctx.Done():
			return Answer{Verdict: NotTried, Detail: outOfTime}
		}
	}
	if ctx.Err() != nil {
		return Answer{Verdict: NotTried, Detail: outOfTime}
	}
	return p.send(ctx, e.URL, token)
}
