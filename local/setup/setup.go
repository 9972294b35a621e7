// Package setup makes what a deployment needs before the first: an application for
// the function with README's policy, one that only checks endpoints, and .env.
//
// It looks (facts.go), decides (plan.go and rules.go, functions of what was seen
// alone), and acts (apply.go). What it has made it knows again by its exact description, so a
// setup that was interrupted anywhere goes on where it was. It makes no key: the
// first deployment does. It promises that no secret is in what it says, and that
// .env is written whole or not at all (dotenv.go).
package setup

import (
	"net/http"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// Role is what an application is for.
type Role string

// The roles.
const (
	Function Role = "function" // the function's own
	Checking Role = "checking" // asks endpoints whom they let in, and may do nothing else
)

// Roles are in the order in which their applications are made.
func Roles() []Role { return []Role{Function, Checking} }

// Description is that of an application and of its policy, by which they are known
// again. Names are people's to change.
func Description(r Role, project string) string {
	if r == Checking {
		return "key-rotator of project " + project + ", only checks endpoints"
	}
	return "key-rotator of project " + project
}

// Options say as whom to act, and on what.
type Options struct {
	API                     string // address
	AccessKey, SecretKey    string // the caller's
	Organization, ProjectID string
	Root                    string            // the folder of .env
	Narrow                  Narrow            // the conditions of the function's policy
	Transport               http.RoundTripper // nil: the real one, as is the clock
	Clock                   clock.Clock
}

// Narrow says on which conditions the function's policy is to give what it gives.
type Narrow struct {
	None   bool             // on none
	Folder string           // in which the credentials are published; "" and "/": any
	Window *scaleway.Window // within which keys are made; nil: as the policy has it
	// Starts are when the cron starts runs, as times of day, and Run is how long one
	// may take.
	Starts []time.Duration
	Run    time.Duration
}

// Action is what a step does.
type Action string

// The actions.
const (
	Make   Action = "make"
	Change Action = "change"
	Delete Action = "delete"
	Write  Action = "write"
)

// Step is one thing to do.
type Step struct {
	Action Action `json:"action"`
	What   string `json:"what"` // application, policy, .env
	Role   Role   `json:"role,omitempty"`
	Name   string `json:"name,omitempty"`
	ID     string `json:"id,omitempty"` // of what is there
	Text   string `json:"text"`         // what is to be done, for a person; no secret
	Done   bool   `json:"done"`

	rules  []Rule
	attach bool     // the policy is to get the role's application
	fill   []string // variables of .env to fill
	drop   []string // and to take out
}

// Rule is one rule of a policy.
type Rule struct {
	Sets         []string
	Organization bool     // its scope; else
	Projects     []string // these
	Condition    string
}
