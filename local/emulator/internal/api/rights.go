package api

import (
	"net"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// Caller is who sent a request: the bearer of an API key.
type Caller struct {
	AccessKey   string
	Application string // one of the two is ""
	User        string
}

// Access is what the API asks of IAM. The emulator's lock is held.
type Access interface {
	// Identify finds the bearer of a secret key; the error is the refusal. needs
	// is only what that may name.
	Identify(secret string, needs permission.Need, now time.Time) (*Caller, error)
	// Grants tells whether the caller may do what is asked about.
	Grants(q Question) bool
}

// Question is what is asked of IAM: may who do something that one of sets
// allows, in project?
type Question struct {
	Who      *Caller
	Sets     []string
	Project  string // "" means the organization itself
	Anywhere bool   // in any project will do

	// What conditions can see.
	ID, Name  string // of the resource; "" where there is none
	FromAPI   bool   // the user agent and the address are known
	UserAgent string
	IP        string
	Now       time.Time
}

// Authorize tells whether the caller may use the route on something of
// project; "" means the organization. It returns the 403 if not.
func (c *Call) Authorize(project string) error { return c.AuthorizeOn(project, "", "") }

// AuthorizeOn is Authorize for one resource, which conditions may name.
func (c *Call) AuthorizeOn(project, id, name string) error {
	if c.AllowedOn(project, id, name) {
		return nil
	}
	return c.Forbidden()
}

// AuthorizeNew is Authorize for what the call is to make: conditions are asked about
// it as about no resource, or as about what is there already (A89).
func (c *Call) AuthorizeNew(project, id, name string) error {
	if c.Settings.Answers.ConditionsOnNew {
		return c.AuthorizeOn(project, id, name)
	}
	return c.Authorize(project)
}

// Forbidden is the 403 of the route.
func (c *Call) Forbidden() error { return wire.Forbidden(c.Needs.Action, c.Needs.Resource) }

// Allowed is Authorize as a question.
func (c *Call) Allowed(project string) bool { return c.AllowedOn(project, "", "") }

// AllowedOn is AuthorizeOn as a question.
func (c *Call) AllowedOn(project, id, name string) bool {
	q := c.question()
	q.Project, q.ID, q.Name = project, id, name
	return c.Access.Grants(q)
}

// AllowedSomewhere tells whether the caller may use the route in any project:
// a list is a 403 for those who may not, and for all others holds what they
// may see.
func (c *Call) AllowedSomewhere() bool {
	q := c.question()
	q.Anywhere = true
	return c.Access.Grants(q)
}

func (c *Call) question() Question {
	return Question{Who: c.who, Sets: c.Needs.Sets, UserAgent: c.Request.UserAgent(), IP: c.Address(), FromAPI: true, Now: c.Now}
}

// DocumentationIP stands where a caller's address is not known (RFC 5737).
const DocumentationIP = "198.51.100.7"

// Address is where the caller is.
func (c *Call) Address() string {
	host, _, err := net.SplitHostPort(c.Request.RemoteAddr)
	if err != nil {
		return DocumentationIP
	}
	return host
}
