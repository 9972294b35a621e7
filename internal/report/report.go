// Package report is what a run says of itself: the types, as JSON, and the same
// as text or a page for a person. It holds no secret and has no field for one. The JSON
// is stable: fields are added, never renamed. It uses none of the names
// statusCode, body, headers and isBase64Encoded at its top level, which the
// platform's runtime would take for itself. What goes into it is decided by
// others.
package report

import "time"

// Outcome is success or failure, of a step or of the whole run.
type Outcome string

// Outcomes. A run that has one failed step has failed.
const (
	Success    Outcome = "success"
	Failure    Outcome = "failure"
	Skipped    Outcome = "skipped"    // the request did not ask for the step
	Incomplete Outcome = "incomplete" // the run's time was over first
)

// Report is one run.
type Report struct {
	Version        string        `json:"version"` // of the function
	RunID          string        `json:"run_id"`
	Outcome        Outcome       `json:"outcome"`
	DryRun         bool          `json:"dry_run"`
	OrganizationID string        `json:"organization_id"`
	ProjectID      string        `json:"project_id"`
	StartedAt      time.Time     `json:"started_at"` // by the API's clock
	FinishedAt     time.Time     `json:"finished_at"`
	Clock          string        `json:"clock"` // whose times these are, where it is not Scaleway's API; else ""
	Steps          []Step        `json:"steps"`
	Found          Found         `json:"found"`
	OwnKey         *OwnKey       `json:"own_key"` // null where it could not be read
	Applications   []Application `json:"applications"`
	Callers        []Caller      `json:"callers"`
	Consumers      []Consumer    `json:"consumers"`
	Comparisons    Comparisons   `json:"comparisons"`
	Endpoints      []Endpoint    `json:"endpoints"`
	CheckingKeys   []CheckingKey `json:"checking_keys"`
	LegacyTokens   []LegacyToken `json:"legacy_tokens"`
	Coming         []Coming      `json:"coming"` // what will go, day by day
	Changes        []Change      `json:"changes"`
	Findings       []Finding     `json:"findings"`
	Left           []string      `json:"left"` // what the run had no time for
	API            API           `json:"api"`
	Told           []Told        `json:"told"`      // who was told of the run
	SummedUp       []Sum         `json:"summed_up"` // rows that are as they should be, where there are many
	Cut            []Cut         `json:"cut"`       // what there was no room for

	counts *Counts // of all that there was, once some of it is summed up or cut
}

// Told is one target of ROTATOR_NOTIFY or ROTATOR_HEARTBEAT, and what became of
// telling it.
type Told struct {
	Target string `json:"target"` // its kind and host
	Told   bool   `json:"told"`
	Detail string `json:"detail"` // why not, or whom not
}

// Cut is how many rows of a list of this report are left out for want of room.
type Cut struct {
	List string `json:"list"` // its name here
	Rows int    `json:"rows"`
}

// Step is one part of the run, in the order in which they ran.
type Step struct {
	Name    string   `json:"name"` // discover, rotate, deliver, check, purge, retire or own_key
	Outcome Outcome  `json:"outcome"`
	Errors  []string `json:"errors"`
}

// Found counts what is there.
type Found struct {
	Regions             []string `json:"regions"`
	Applications        int      `json:"applications"` // of the organization
	InScope             int      `json:"in_scope"`     // whose key is rotated here
	APIKeys             int      `json:"api_keys"`     // of the organization
	UserKeys            int      `json:"user_keys"`    // never touched
	ManagedKeys         int      `json:"managed_keys"` // Scaleway's own, never touched
	Functions           int      `json:"functions"`    // of the project, as all below
	PrivateFunctions    int      `json:"private_functions"`
	Containers          int      `json:"containers"`
	PrivateContainers   int      `json:"private_containers"`
	FunctionNamespaces  int      `json:"function_namespaces"`
	ContainerNamespaces int      `json:"container_namespaces"`
	LegacyTokens        *int     `json:"legacy_tokens"` // null: not known
}

// OwnKey is the key that the function runs on. It is never deleted; a later run,
// on another key, may.
type OwnKey struct {
	AccessKey     string     `json:"access_key"`
	ApplicationID string     `json:"application_id"`
	CreatedAt     time.Time  `json:"created_at"`
	AgeDays       int        `json:"age_days"`
	ExpiresAt     *time.Time `json:"expires_at"` // null: never
}

// Application is one application that was looked at, in scope or not.
type Application struct {
	ID      string      `json:"id"`
	Name    string      `json:"name"`
	InScope bool        `json:"in_scope"`
	Reason  string      `json:"reason"` // why it is in scope or not, or left alone
	Action  string      `json:"action"` // rotated, would rotate, kept, waiting, left alone, failed
	Why     string      `json:"why"`    // of the action
	Secret  *Secret     `json:"secret"` // null: none yet
	Keys    []Key       `json:"keys"`
	Dead    []Dead      `json:"dead_keys"` // that were deleted, and whether they are refused
	Next    []Event     `json:"next"`      // what will happen, in order of time
	LetIn   []Admission `json:"let_in"`    // where its key was tried, by product
}

// Caller is an application or a user that can call private endpoints of the
// project, by whatever permission set.
type Caller struct {
	Kind           string   `json:"kind"` // application or user
	ID             string   `json:"id"`
	Name           string   `json:"name"`
	Products       []string `json:"products"`
	PermissionSets []string `json:"permission_sets"` // that let it; none: the organization's owner
	Conditional    bool     `json:"conditional"`     // each of them only on a condition
	InScope        bool     `json:"in_scope"`        // its key is rotated here
	Why            string   `json:"why"`             // it is, or is left alone
	// Keys are those that it can call with, and the day on which each dies.
	Keys []CallerKey `json:"keys"`
}

// CallerKey is a living key of a caller.
type CallerKey struct {
	AccessKey string     `json:"access_key"`
	ExpiresAt *time.Time `json:"expires_at"` // null: never
	DaysLeft  *int       `json:"days_left"`  // whole ones; null: it never dies
	Rotated   bool       `json:"rotated"`    // by this rotator, before then
	Managed   bool       `json:"managed"`    // by Scaleway, whose business it is
	Notice    int        `json:"notice"`     // that it dies within 30, 14, 7 or 1 days, and nobody replaces it; 0: no
}

// Admission is what one product's endpoints answered to the key of an
// application: a checking key asked them all, any other one of them.
type Admission struct {
	Product  string `json:"product"`
	URL      string `json:"url"`    // of the endpoint, where it was one
	Result   string `json:"result"` // accepted, refused, inconclusive, not tried; of many, the worst
	Detail   string `json:"detail"`
	Asked    int    `json:"asked"`    // endpoints
	Accepted int    `json:"accepted"` // of them
}

// CheckingKey is one that asked every endpoint of its products.
type CheckingKey struct {
	ApplicationID string   `json:"application_id"`
	Application   string   `json:"application"`
	AccessKey     string   `json:"access_key"`
	Products      []string `json:"products"`
	Why           string   `json:"why"` // it is this one
}

// Coming is what goes on one day to come, if nothing is done about it.
type Coming struct {
	Day          string `json:"day"` // UTC, as 2026-12-04
	LegacyTokens int    `json:"legacy_tokens"`
	Keys         int    `json:"keys"` // superseded ones
}

// Dead is a key that was deleted in this run, because a person wanted it, or by
// an earlier one, and what became of trying it.
type Dead struct {
	AccessKey string   `json:"access_key"`
	Result    string   `json:"result"`  // refused, accepted, unproven
	Where     string   `json:"where"`   // it was tried: an endpoint, or the API
	Seconds   *float64 `json:"seconds"` // from its deletion to its refusal, where both were in this run
	Detail    string   `json:"detail"`
}

// Consumer is a function, container or namespace whose environment carries the
// key of an application, or a function or container in such a namespace.
type Consumer struct {
	Kind      string     `json:"kind"` // function, container, function namespace, container namespace
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Namespace string     `json:"namespace"` // the name of the one that it is in, or its own
	Region    string     `json:"region"`
	Variables []Variable `json:"variables"` // empty: it runs with those of its namespace
	Result    string     `json:"result"`    // up to date, delivered, would deliver, redeployed, behind, deploying, failed
	Detail    string     `json:"detail"`
	// HoursLeft is how long the revision with the superseded key still goes on
	// after a deployment that failed; 0: does not apply.
	HoursLeft int `json:"hours_left"`
}

// Comparisons are those of a secret variable with the secret of a key, by its
// hash: each takes a tenth of a second of a full core.
type Comparisons struct {
	Made  int `json:"made"`
	Saved int `json:"saved"` // that earlier runs, or dates, made needless
	Left  int `json:"left"`  // variables that there was no time to compare with everything
}

// Variable is one that holds a key, or half of it.
type Variable struct {
	Name        string `json:"name"`
	Application string `json:"application"`
	AccessKey   string `json:"access_key"` // of the key that it holds now; "": of one that a dry run would make
	Held        string `json:"held"`       // of the key that it held when the run began
}

// Secret says where an application's credential is published.
type Secret struct {
	ID       string `json:"id"` // "" in a dry run that would create it
	Path     string `json:"path"`
	Name     string `json:"name"`
	Region   string `json:"region"`
	Revision uint32 `json:"revision"` // the newest enabled version; 0: none
}

// Key is one key of an application.
type Key struct {
	AccessKey string     `json:"access_key"`
	State     string     `json:"state"` // current, superseded, unpublished, orphan, in progress, managed
	CreatedAt time.Time  `json:"created_at"`
	AgeDays   int        `json:"age_days"`
	ExpiresAt *time.Time `json:"expires_at"` // null: never
	Revision  uint32     `json:"revision"`   // the secret's version that holds it; 0: none
	Note      string     `json:"note"`       // what was done, or will be, and why
}

// Event is something that will happen.
type Event struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
	Kind string    `json:"kind"` // rotate, expire or delete
}

// Endpoint is a row of the access matrix.
type Endpoint struct {
	URL       string  `json:"url"`
	Product   string  `json:"product"` // functions or containers
	Resource  string  `json:"resource"`
	Namespace string  `json:"namespace"`
	Region    string  `json:"region"`
	Custom    bool    `json:"custom_domain"`
	Result    string  `json:"result"` // ok, open, locked, inconclusive, unproven, disabled, own, doubtful
	Detail    string  `json:"detail"`
	NoToken   Probe   `json:"no_token"`
	Malformed Probe   `json:"malformed_token"`
	Unknown   Probe   `json:"unknown_token"`
	Keys      []Probe `json:"keys"` // those that asked it: the checking key, and maybe others once
}

// Probe is one request to an endpoint and what it showed.
type Probe struct {
	Application string `json:"application,omitempty"` // whose key it was
	AccessKey   string `json:"access_key,omitempty"`
	Result      string `json:"result"` // refused, accepted, inconclusive, not tried
	Status      int    `json:"status"` // of the answer; 0: none
	Detail      string `json:"detail,omitempty"`
}

// LegacyToken is one JWT and what became of it.
type LegacyToken struct {
	ID          string     `json:"id"`
	Product     string     `json:"product"`
	Scope       string     `json:"scope"` // namespace, function or container
	Of          string     `json:"of"`    // the name of that namespace, function or container
	OfID        string     `json:"of_id"`
	Region      string     `json:"region"`
	Description string     `json:"description"`
	ExpiresAt   *time.Time `json:"expires_at"` // null: never
	Result      string     `json:"result"`     // deleted, would delete, held, reported, failed, left
	Why         string     `json:"why"`        // the evidence that it went on, or what is missing of it
	GoesAt      *time.Time `json:"goes_at"`    // of a held one: when it can go at the earliest; null: once a person has acted
}

// Change is one write to Scaleway's API.
type Change struct {
	Kind   string      `json:"kind"`   // create_secret, delete_secret, create_key, publish, remember, mark_version, disable_version, delete_key, delete_version, delete_token, update_environment, redeploy
	Object string      `json:"object"` // what it was done to
	Result ChangeState `json:"result"`
	Reason string      `json:"reason"`
}

// Undone begins the reason of the deletion of a key that the same run had made.
const Undone = "made in this run, never published: "

// ChangeState tells what became of a change.
type ChangeState string

// What can become of a change.
const (
	Planned ChangeState = "planned" // a dry run
	Done    ChangeState = "done"
	Refused ChangeState = "failed"
	Unknown ChangeState = "unknown" // no answer came: it may have been made
)

// Finding is something that a person should know, and act on if it says how.
type Finding struct {
	Level   Level  `json:"level"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
	Hint    string `json:"hint"` // what to do
}

// Level of a finding. An Error makes the run's outcome a failure.
type Level string

// Levels.
const (
	Error   Level = "error"
	Warning Level = "warning"
	Note    Level = "note"
)

// API counts what the run cost.
type API struct {
	Calls           int64   `json:"calls"` // retries included
	Retries         int64   `json:"retries"`
	PerSecond       int     `json:"calls_per_second"` // the rate that calls were allowed in the end
	Probes          int64   `json:"probes"`           // requests to endpoints
	DurationSeconds float64 `json:"duration_seconds"`
	// CPUSeconds is the time of a core that the process took; 0 where the run's
	// times are made up.
	CPUSeconds float64 `json:"cpu_seconds"`
	// GBSeconds is the duration times the memory of the instance, by which the
	// platform bills; 0 where the instance does not tell how much it has.
	GBSeconds float64 `json:"gb_seconds"`
}
