package emulator

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/audit"
	"github.com/scw-key-rotator/rotator/local/emulator/control"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/account"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/clock"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/gateway"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/iam"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/mail"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/proxy"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/secrets"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/serverless"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/settings"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/store"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
)

// Options set up an emulator. The zero value is a truthful, quick Scaleway.
type Options struct {
	Clock     *Clock        // nil: NewClock()
	Seed      uint64        // of all identifiers; two emulators with one seed mint the same
	Latency   time.Duration // of every API call and endpoint, on the clock's Sleep; SetLatency changes it
	KeyLag    time.Duration // for so long after its creation a key is refused now and then (IAM's caches)
	GrantLag  time.Duration // for so long a right just granted is refused now and then
	DeadLag   time.Duration // for so long after its deletion a key is taken for one that lives (A81)
	StatusLag time.Duration // for so long after a redeployment began a read tells the status before it (A80)
	Delays    Delays        // of asynchronous moves; zero fields take the medians of recordings (docs/scaleway.md, Delays)
	Quotas    Quotas        // zero fields take what is known, or assumed (docs/scaleway.md, Limits)
	Answers   Answers       // which answer the emulator gives where nobody knows Scaleway's

	// HashMemory is what one hash of a secret environment variable takes, in
	// KiB; 0: 65536, as recorded. Tests that show thousands can take less, with
	// as many threads as argon2 allows then: with 8, a hash costs next to nothing.
	HashMemory uint32

	// OnUnknownRoute, if not nil, is called the first time that a route which
	// the emulator does not have is asked for, from the request's goroutine.
	OnUnknownRoute func(route string)

	// Host, if not nil, runs the functions that are uploaded, and crons fire.
	// Close ends it. Without one, the emulator knows that code came and not
	// what it does.
	Host Host
}

// Emulator is one organization of Scaleway. Its methods may be called from
// many goroutines.
type Emulator struct {
	*traffic.Controls
	serverless.Bench
	base    *api.Base
	options Options
	traffic *traffic.Traffic
	asked   *store.Mint // of requests: how many there are must not change what is made; guarded by base.Mu
	mux     *http.ServeMux

	stop  context.CancelFunc // ends what runs beside requests; with a Host only
	crons sync.WaitGroup

	auditor    *Auditor // nil: nobody watches; guarded by base.Mu
	account    *account.Account
	iam        *iam.IAM
	secrets    *secrets.Secrets
	serverless *serverless.Serverless
	gateway    *gateway.Gateway
	mail       *mail.Outbox
}

// New returns an emulator that holds an organization without any resource.
func New(o Options) *Emulator {
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	e := &Emulator{
		base: &api.Base{Clock: o.Clock, Mint: store.NewMint(o.Seed), Settings: settings.Settings{
			KeyLag: o.KeyLag, GrantLag: o.GrantLag, DeadLag: o.DeadLag, StatusLag: o.StatusLag,
			Delays: o.Delays, Quotas: o.Quotas, Answers: o.Answers, HashMemory: o.HashMemory,
		}.OrDefault()},
		options: o, asked: store.NewMint(o.Seed + 1),
	}
	e.base.Running, e.stop = context.WithCancel(context.Background())
	e.account = account.New(e.base)
	e.iam, e.secrets = iam.New(e.base, e.account), secrets.New(e.base, e.account)
	e.base.Access = e.iam
	e.serverless = serverless.New(e.base, e.account, o.Host)
	e.mail = mail.New(e.base)
	e.Bench = serverless.NewBench(e.serverless)
	e.traffic = traffic.New(o.Clock, traffic.Hooks{RequestID: e.requestID, Unknown: e.unknownRoute, Served: e.served})
	e.Controls = e.traffic.Controls
	e.gateway = gateway.New(e.base, e.traffic, e.iam, e.serverless)
	e.SetLatency(o.Latency)
	e.found(e.base.Mint.UUID())
	e.mux = e.routes()
	if o.Host != nil {
		e.crons.Go(func() { e.gateway.FireCrons(e.base.Running) })
	}
	return e
}

// Clock returns the emulator's clock.
func (e *Emulator) Clock() *Clock { return e.base.Clock }

// API returns the emulated api.scaleway.com.
func (e *Emulator) API() http.Handler {
	return e.traffic.Observe("Scaleway API Gateway (fr-par-1;edge01)", e.mux)
}

// Gateway returns what stands in front of all functions and containers: it
// serves a request by its Host, the default domain of one or a custom domain
// that is ready.
//
// It is an assumption in most it does (A29 to A33): no call to an endpoint was
// ever recorded (docs/scaleway.md, Private endpoints).
func (e *Emulator) Gateway() http.Handler { return e.gateway.Handler() }

// Door returns the gateway in front of one function or container, whatever the
// Host of a request and whether it is HTTPS: a front door for curl.
func (e *Emulator) Door(id string) http.Handler { return e.gateway.Door(id) }

// Serves tells whether the emulator answers for a host: the API's, and any
// that is or was an endpoint's (the gateway's domain, or a custom one).
func (e *Emulator) Serves(host string) bool {
	return host == traffic.APIHost || e.gateway.Serves(host)
}

// NewProxy returns a proxy with a fresh CA. Serve starts it.
func (e *Emulator) NewProxy() (*Proxy, error) { return proxy.New(e) }

// Close ends the functions and crons that a Host runs, cutting what they are
// at. Without a Host there is nothing to end.
func (e *Emulator) Close() error {
	e.stop()
	if e.options.Host == nil {
		return nil
	}
	err := e.options.Host.Close()
	e.serverless.Wait()
	e.crons.Wait()
	return err
}

// RoundTripper returns a transport that serves requests in this process: those
// to api.scaleway.com by API, all others by Gateway. It opens no socket and
// starts no goroutine, so it can be used inside a testing/synctest bubble.
//
// A connection that the emulator cuts is an error that wraps ECONNRESET and
// io.ErrUnexpectedEOF; an answer shorter than it announced reads as
// io.ErrUnexpectedEOF. A request is served in the goroutine that sends it: a
// handler behind the gateway that does not heed its context is waited for.
func (e *Emulator) RoundTripper() http.RoundTripper {
	return traffic.NewRoundTripper(e.API(), e.Gateway())
}

func (e *Emulator) requestID() string {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	return e.asked.UUID()
}

func (e *Emulator) unknownRoute(route string) {
	if e.options.OnUnknownRoute != nil {
		e.options.OnUnknownRoute(route)
	}
}

// Control returns the handler of a listener apart, by which a person or a test
// looks at the emulator and moves it. GET / says how. What it refuses is a 400
// whose message names the field. It shows no secret, but it changes things for
// whoever asks: keep it on loopback.
func (e *Emulator) Control() http.Handler {
	c := control.Emulator{
		Base: e.base, Traffic: e.Controls,
		Account: e.account, IAM: e.iam, Secrets: e.secrets, Serverless: e.serverless,
	}
	return c.Handler()
}

// Audit starts to watch. It replaces an auditor that watched before.
func (e *Emulator) Audit(rules AuditRules) *Auditor {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	e.auditor = audit.New(e.base, e.iam, e.secrets, e.serverless, rules)
	return e.auditor
}

// served lets the auditor look, if there is one.
func (e *Emulator) served(r *Request) {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	if e.auditor != nil {
		e.auditor.After(r)
	}
}
