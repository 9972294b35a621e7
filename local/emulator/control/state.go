package control

import (
	"path"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/secrets"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/serverless"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
	"github.com/scw-key-rotator/rotator/local/emulator/seeds"
)

// The state as Control shows it. It is told field by field, rather than by
// marshalling the emulator's rows, so that no secret gets in by being added to
// one of those: no secret key, payload, JWT or environment.
type (
	stateView struct {
		Clock          time.Time             `json:"clock"`
		Latency        seeds.Age             `json:"latency"`
		OrganizationID string                `json:"organization_id"`
		Projects       []named               `json:"projects"`
		Users          []bearerView          `json:"users"`
		Applications   []bearerView          `json:"applications"`
		Secrets        []secretView          `json:"secrets"`
		Functions      []serverless.Endpoint `json:"functions"`
		Containers     []serverless.Endpoint `json:"containers"`
		Tokens         []serverless.Token    `json:"tokens"`
		Faults         []faultView           `json:"faults"` // armed, and not spent
	}

	named struct {
		Name string `json:"name"`
		ID   string `json:"id"`
	}

	bearerView struct {
		named
		Managed bool      `json:"managed,omitempty"`
		Keys    []keyView `json:"keys"` // oldest first
	}

	keyView struct {
		AccessKey   string     `json:"access_key"`
		Description string     `json:"description,omitempty"`
		Project     string     `json:"project,omitempty"` // the name of its default project
		CreatedAt   time.Time  `json:"created_at"`
		Age         seeds.Age  `json:"age"`
		ExpiresAt   *time.Time `json:"expires_at,omitempty"`
		ExpiresIn   *seeds.Age `json:"expires_in,omitempty"` // negative: it has expired
	}

	secretView struct {
		named
		Path     string        `json:"path"`
		Project  string        `json:"project"`
		Region   string        `json:"region"`
		Deleting bool          `json:"deleting,omitempty"` // it is scheduled for deletion
		Versions []versionView `json:"versions"`           // oldest first
	}

	versionView struct {
		Revision    int       `json:"revision"`
		Status      string    `json:"status"`
		Description string    `json:"description,omitempty"`
		CreatedAt   time.Time `json:"created_at"`
		Age         seeds.Age `json:"age"`
	}
)

func (e *Emulator) state() stateView {
	e.Base.Mu.Lock()
	defer e.Base.Mu.Unlock()
	now := e.Base.Clock.Now()
	s := stateView{
		Clock: now, Latency: seeds.Age(e.Traffic.Latency()), OrganizationID: e.Base.OrganizationID,
		Projects: []named{}, Users: []bearerView{}, Applications: []bearerView{}, Secrets: []secretView{},
		Functions: []serverless.Endpoint{}, Containers: []serverless.Endpoint{}, Tokens: e.Serverless.Tokens(), Faults: viewFaults(e.Traffic.Faults()),
	}
	for _, id := range e.Account.IDs() {
		s.Projects = append(s.Projects, named{e.Account.Name(id), id})
	}
	for _, u := range e.IAM.Users() {
		s.Users = append(s.Users, bearerView{named: named{u.Username, u.ID}, Keys: e.keyViews(u.ID, now)})
	}
	for _, a := range e.IAM.Applications() {
		s.Applications = append(s.Applications, bearerView{named: named{a.Name, a.ID}, Managed: a.Managed, Keys: e.keyViews(a.ID, now)})
	}
	e.Secrets.Settle(now)
	for _, row := range e.Secrets.All() {
		s.Secrets = append(s.Secrets, e.secretView(row, now))
	}
	for _, end := range e.Serverless.Endpoints() {
		end.Project = e.Account.Name(end.Project)
		if end.Product == "functions" {
			s.Functions = append(s.Functions, end)
		} else {
			s.Containers = append(s.Containers, end)
		}
	}
	for i := range s.Tokens {
		s.Tokens[i].Project = e.Account.Name(s.Tokens[i].Project)
	}
	return s
}

// ageOf is rounded to what a person reads.
func ageOf(created wire.Stamp, now time.Time) seeds.Age {
	return seeds.Age(created.Age(now).Round(time.Second))
}

func (e *Emulator) keyViews(bearer string, now time.Time) []keyView {
	views := []keyView{}
	for _, k := range e.IAM.KeysOf(bearer) {
		view := keyView{
			AccessKey: k.AccessKey, Description: k.Description, Project: e.Account.Name(k.DefaultProjectID),
			CreatedAt: k.CreatedAt.Time, Age: ageOf(k.CreatedAt, now),
		}
		if !k.ExpiresAt.IsNull() {
			left := seeds.Age(k.ExpiresAt.Time.Sub(now).Round(time.Second))
			view.ExpiresAt, view.ExpiresIn = &k.ExpiresAt.Time, &left
		}
		views = append(views, view)
	}
	return views
}

func (e *Emulator) secretView(s *secrets.Secret, now time.Time) secretView {
	view := secretView{
		named: named{s.Name, s.ID}, Path: s.Path, Project: e.Account.Name(s.ProjectID), Region: s.Region,
		Deleting: !s.DeletionRequestedAt.IsNull(), Versions: []versionView{},
	}
	for _, v := range s.Versions {
		view.Versions = append(view.Versions, versionView{
			Revision: v.Revision, Status: v.Status, Description: v.Description,
			CreatedAt: v.CreatedAt.Time, Age: ageOf(v.CreatedAt, now),
		})
	}
	return view
}

// viewFaults shows them as they are armed.
func viewFaults(faults []traffic.Fault) []faultView {
	views := []faultView{}
	for _, f := range faults {
		view := faultView{
			Method: f.Method, Path: f.Path, Skip: f.Skip, Times: f.Times, Delay: seeds.Age(f.Delay), Status: f.Status,
			Body: f.Body, DropFirst: f.DropFirst, DropAfter: f.DropAfter, Half: f.Half, NotJSON: f.NotJSON,
		}
		for name := range f.Header {
			if view.Header == nil {
				view.Header = map[string]string{}
			}
			view.Header[name] = f.Header.Get(name)
		}
		views = append(views, view)
	}
	return views
}

func validPattern(pattern string) bool {
	_, err := path.Match(pattern, "/")
	return err == nil
}
