package emulator

import (
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/audit"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/clock"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/mail"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/proxy"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/serverless"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/settings"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
	"github.com/scw-key-rotator/rotator/local/emulator/seeds"
)

// What tests and the local runner hold in their hands, under the names by which
// they know it. Each is declared, and explained, where it is made.

// Clock is the emulator's time.
type Clock = clock.Clock

// NewClock returns a clock that reads as real time does, until it is moved.
func NewClock() *Clock { return clock.New() }

// NewClockAt returns a clock that reads start now, and runs as real time does.
func NewClockAt(start time.Time) *Clock { return clock.NewAt(start) }

// NewManualClock returns a clock that stands at start.
func NewManualClock(start time.Time) *Clock { return clock.NewManual(start) }

// Schedule is when a cron fires.
type Schedule = clock.Schedule

// ParseSchedule reads a cron's five fields, as the platform takes them.
func ParseSchedule(text string) (*Schedule, error) { return clock.ParseSchedule(text) }

// Delays say how long asynchronous moves take.
type Delays = settings.Delays

// Quotas are limits whose real values nobody recorded.
type Quotas = settings.Quotas

// Answers chooses among the answers that Scaleway might give.
type Answers = settings.Answers

// Request is one line of the emulator's history.
type Request = traffic.Request

// UnknownRoute is what was asked of the API and does not exist here.
type UnknownRoute = traffic.UnknownRoute

// Fault is something that goes wrong with a request: what it strikes and how.
type Fault = traffic.Fault

// Endpoint is a function or container, with what the API does not tell.
type Endpoint = serverless.Endpoint

// Token is a legacy token with its JWT, which the API tells only once.
type Token = serverless.Token

// Mail is one that Transactional Email has taken.
type Mail = mail.Mail

// Host runs the code of functions: local/host has one.
type Host = serverless.Host

// Deployment is one version of a function: its code, and how to run it.
type Deployment = serverless.Deployment

// Revision serves requests with one version of a function.
type Revision = serverless.Revision

// Proxy is an HTTP proxy that reaches the emulator's hosts by their real names
// and nothing else.
type Proxy = proxy.Proxy

// Auditor watches what a client that rotates keys does.
type Auditor = audit.Auditor

// AuditRules say what such a client may do.
type AuditRules = audit.Rules

// The words of seeds, as tests say them.
type (
	// Seed is what an organization holds at first; package seeds has its words.
	Seed = seeds.Seed
	// SeedAge is a duration with days.
	SeedAge = seeds.Age
	// SeedAnswer is what stands behind an endpoint answers.
	SeedAnswer = seeds.Answer
	// SeedApplication is an IAM application with its keys and policies.
	SeedApplication = seeds.Application
	// SeedContainer is a container.
	SeedContainer = seeds.Container
	// SeedContainerNamespace is a namespace of containers.
	SeedContainerNamespace = seeds.ContainerNamespace
	// SeedFunction is a function.
	SeedFunction = seeds.Function
	// SeedFunctionNamespace is a namespace of functions.
	SeedFunctionNamespace = seeds.FunctionNamespace
	// SeedGroup is a group of applications and users.
	SeedGroup = seeds.Group
	// SeedKey is an API key.
	SeedKey = seeds.Key
	// SeedPlace is what one project holds in one region.
	SeedPlace = seeds.Place
	// SeedPolicy is a policy of what it stands in.
	SeedPolicy = seeds.Policy
	// SeedProject is a project.
	SeedProject = seeds.Project
	// SeedRule grants permission sets.
	SeedRule = seeds.Rule
	// SeedSecret is a secret of the Secret Manager.
	SeedSecret = seeds.Secret
	// SeedServerless is what a SeedPlace holds.
	SeedServerless = seeds.Serverless
	// SeedSettings are the security settings.
	SeedSettings = seeds.Settings
	// SeedToken is a legacy token.
	SeedToken = seeds.Token
	// SeedUser is a member of the organization.
	SeedUser = seeds.User
	// SeedVersion is a version of a secret.
	SeedVersion = seeds.Version
)

// ParseSeed reads a seed from JSON. Its error has a line for everything that is
// wrong.
func ParseSeed(text []byte) (Seed, error) { return seeds.Parse(text) }

// Demo returns the seed of the demonstration.
func Demo() Seed { return seeds.Demo() }

// Empty returns the seed of an organization that nobody has used yet.
func Empty() Seed { return seeds.Empty() }

// RotatorRules is what the rotator's own application needs.
func RotatorRules(project string) []SeedRule { return seeds.RotatorRules(project) }

// CallerRules is what an application needs to call private functions and
// containers of projects.
func CallerRules(projects ...string) []SeedRule { return seeds.CallerRules(projects...) }
