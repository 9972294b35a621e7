package emulator

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/clock"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/store"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
)

// Options set up an emulator. The zero value is a truthful, quick Scaleway.
type Options struct {
	Clock     *clock.Clock  // nil: NewClock()
	Seed      uint64        // of all identifiers; two emulators with one seed mint the same
	Latency   time.Duration // of every API call and endpoint, on the clock's Sleep; SetLatency changes it
	KeyLag    time.Duration // for so long after its creation a key is refused now and then (IAM's caches)
	GrantLag  time.Duration // for so long a right just granted is refused now and then
	DeadLag   time.Duration // for so long after its deletion a key is taken for one that lives (A81)
	StatusLag time.Duration // for so long after a redeployment began a read tells the status before it (A80)
	Delays    Delays        // of asynchronous moves; zero fields take DefaultDelays
	Quotas    Quotas        // zero fields take DefaultQuotas
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

// Delays say how long asynchronous moves take.
type Delays struct {
	Namespace      time.Duration // pending or creating to ready
	Deploy         time.Duration // a function or container: pending, creating or updating to ready
	StartFailure   time.Duration // a container that never listens: creating to error
	TokenReady     time.Duration // creating to ready
	TokenGone      time.Duration // deleting to 404
	Domain         time.Duration // pending to ready
	Gone           time.Duration // a deleted namespace, function, container, domain or cron to 404
	SecretErasure  time.Duration // a version scheduled for deletion to erased
	ProjectRemoval time.Duration
}

// DefaultDelays are the medians of FACTS section 8.
func DefaultDelays() Delays {
	return Delays{
		Namespace: 5 * time.Second, Deploy: 11 * time.Second, StartFailure: 300 * time.Second,
		TokenReady: time.Second, TokenGone: 6 * time.Second, Domain: 10 * time.Second,
		Gone: 5 * time.Second, SecretErasure: 7 * 24 * time.Hour,
	}
}

// Quotas are limits whose real values nobody recorded (ASSUMPTIONS.md).
type Quotas struct {
	KeysPerApplication int
	// KeysPerOrganization counts those of people and of Scaleway too; 0: no limit (A83).
	KeysPerOrganization int
	VersionsPerSecret   int // DESIGN: 20
}

// DefaultQuotas allow what the recordings show, and no more than DESIGN says.
func DefaultQuotas() Quotas { return Quotas{KeysPerApplication: 20, VersionsPerSecret: 20} }

// Answers chooses among the answers that Scaleway might give; the numbers are
// those of ASSUMPTIONS.md. The zero value is what we assume.
type Answers struct {
	IgnoreFilters      bool // A01: a list ignores every filter it is given
	NamespaceTokensAll bool // A02: tokens listed by namespace include those of its functions or containers
	SecondDeleteOK     bool // A03: DELETE of what is already gone answers as the first did
	NameTakenByDeleted bool // A04: a secret scheduled for deletion still holds its name
	RedeployAlways     bool // A05: redeploy: false is ignored
	TokenRoutes        int  // A06: status of every token route once JWTs are removed; 0: they still work
	RefusalStatus      int  // A07: the gateway's status for a refused call; 0: 403
	RefusalBody        string
	NamespaceRedeploys bool // A77: new variables of a namespace redeploy all that is in it
	ReadDisabled       bool // A65: a version that is disabled can be read by its revision
}

// Emulator is one organization of Scaleway. Its methods may be called from
// many goroutines.
type Emulator struct {
	*traffic.Controls
	clock   *clock.Clock
	options Options
	traffic *traffic.Traffic
	mux     *http.ServeMux

	// What runs beside requests; with a Host only.
	running    context.Context //nolint:containedctx // deployments and crons outlive the request that starts them
	stop       context.CancelFunc
	background sync.WaitGroup

	mu      sync.Mutex // guards everything below; held for the whole of a request
	auditor *Auditor   // nil: nobody watches
	mint    *store.Mint
	iam     iamState
	// regional products, by region
	secrets    map[string]*secretState
	functions  map[string]*product
	containers map[string]*product
	uploads    map[string]*upload // by the name in their URL
}

// New returns an emulator that holds an organization without any resource.
func New(o Options) *Emulator {
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	o.Delays = o.Delays.orDefault()
	if o.Quotas.KeysPerApplication == 0 {
		o.Quotas.KeysPerApplication = DefaultQuotas().KeysPerApplication
	}
	if o.Quotas.VersionsPerSecret == 0 {
		o.Quotas.VersionsPerSecret = DefaultQuotas().VersionsPerSecret
	}
	if o.HashMemory == 0 {
		o.HashMemory = argonMemory
	}
	e := &Emulator{
		clock: o.Clock, options: o, mint: store.NewMint(o.Seed), uploads: map[string]*upload{},
		secrets: map[string]*secretState{}, functions: map[string]*product{}, containers: map[string]*product{},
	}
	e.traffic = traffic.New(o.Clock, traffic.Hooks{RequestID: e.requestID, Unknown: e.unknownRoute, Served: e.served})
	e.Controls = e.traffic.Controls
	e.SetLatency(o.Latency)
	e.iam.init(e)
	e.mux = e.routes()
	e.running, e.stop = context.WithCancel(context.Background())
	if o.Host != nil {
		e.background.Go(func() { e.fireCrons(e.running) })
	}
	return e
}

// Clock returns the emulator's clock.
func (e *Emulator) Clock() *clock.Clock { return e.clock }

// API returns the emulated api.scaleway.com.
func (e *Emulator) API() http.Handler {
	return e.traffic.Observe("Scaleway API Gateway (fr-par-1;edge01)", e.mux)
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
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mint.UUID()
}

func (e *Emulator) unknownRoute(route string) {
	if e.options.OnUnknownRoute != nil {
		e.options.OnUnknownRoute(route)
	}
}

// served lets the auditor look, if there is one.
func (e *Emulator) served(r *traffic.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.auditor != nil {
		e.auditor.after(r)
	}
}

func (d Delays) orDefault() Delays {
	def := DefaultDelays()
	for _, f := range []struct{ have, want *time.Duration }{
		{&d.Namespace, &def.Namespace},
		{&d.Deploy, &def.Deploy},
		{&d.StartFailure, &def.StartFailure},
		{&d.TokenReady, &def.TokenReady},
		{&d.TokenGone, &def.TokenGone},
		{&d.Domain, &def.Domain},
		{&d.Gone, &def.Gone},
		{&d.SecretErasure, &def.SecretErasure},
		{&d.ProjectRemoval, &def.ProjectRemoval},
	} {
		if *f.have == 0 {
			*f.have = *f.want
		}
	}
	return d
}
