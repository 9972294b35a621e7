package settings

import "time"

// Settings are what a test can set of the emulated API. The zero value, with
// OrDefault, is a truthful, quick Scaleway.
type Settings struct {
	KeyLag    time.Duration // for so long after its creation a key is refused now and then (IAM's caches)
	GrantLag  time.Duration // for so long a right just granted is refused now and then
	DeadLag   time.Duration // for so long after its deletion a key is taken for one that lives (A81)
	StatusLag time.Duration // for so long after a redeployment began a read tells the status before it (A80)
	Delays    Delays
	Quotas    Quotas
	Answers   Answers

	// HashMemory is what one hash of a secret environment variable takes, in
	// KiB; 0: 65536, as recorded.
	HashMemory uint32
}

// hashMemory is what the API takes, in KiB: showing one secret takes 64 MiB for
// a moment.
const hashMemory = 65536

// OrDefault puts the defaults in the place of what is not set.
func (s Settings) OrDefault() Settings {
	s.Delays = s.Delays.orDefault()
	if s.Quotas.KeysPerApplication == 0 {
		s.Quotas.KeysPerApplication = defaultQuotas().KeysPerApplication
	}
	if s.Quotas.VersionsPerSecret == 0 {
		s.Quotas.VersionsPerSecret = defaultQuotas().VersionsPerSecret
	}
	if s.HashMemory == 0 {
		s.HashMemory = hashMemory
	}
	return s
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

// defaultDelays are the medians of recordings (docs/scaleway.md, Delays).
func defaultDelays() Delays {
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
	Applications        int // of the organization; 0: no limit (A91)
	Policies            int // the same
	VersionsPerSecret   int // A64
}

// defaultQuotas allow what is documented, or assumed (docs/scaleway.md, Limits).
func defaultQuotas() Quotas { return Quotas{KeysPerApplication: 20, VersionsPerSecret: 20} }

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
	ConditionsOnNew    bool // A89: a condition is asked about what a call makes as about what is there already
	ReadDisabled       bool // A65: a version that is disabled can be read by its revision
}

func (d Delays) orDefault() Delays {
	def := defaultDelays()
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
