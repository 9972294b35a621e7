package serverless

import (
	"net/http"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// functionSpec is what only functions have.
type functionSpec struct {
	runtime string
	handler string
	memory  uint32 // MB
	code    code
	build   time.Time // when the deployment under way began; zero if it builds nothing
	hosted  hosted    // with a Host only
}

// code is what is known of a function's code.
type code int

const (
	codeUnknown code = iota // none was seen, see deploy
	codeBuilds
	codeBroken // its build fails
)

// functionV1beta1 is a function as the API shows it: without its project,
// which is its namespace's (docs/scaleway.md, Functions).
type functionV1beta1 struct {
	ID                string            `json:"id"`
	Name              string            `json:"name"`
	NamespaceID       string            `json:"namespace_id"`
	Status            string            `json:"status"`
	Environment       map[string]string `json:"environment_variables"`
	MinScale          uint32            `json:"min_scale"`
	MaxScale          uint32            `json:"max_scale"`
	Runtime           string            `json:"runtime"`
	MemoryLimit       uint32            `json:"memory_limit"`
	CPULimit          uint32            `json:"cpu_limit"`
	Timeout           wire.Seconds      `json:"timeout"`
	Handler           string            `json:"handler"`
	ErrorMessage      *string           `json:"error_message"`
	BuildMessage      *string           `json:"build_message"`
	Privacy           string            `json:"privacy"`
	Description       string            `json:"description"`
	DomainName        string            `json:"domain_name"`
	SecretEnvironment []secretOutput    `json:"secret_environment_variables"`
	HTTPOption        string            `json:"http_option"`
	RuntimeMessage    string            `json:"runtime_message"`
	Sandbox           string            `json:"sandbox"`
	CreatedAt         wire.Stamp        `json:"created_at"`
	UpdatedAt         wire.Stamp        `json:"updated_at"`
	ReadyAt           wire.Stamp        `json:"ready_at"`
	Tags              []string          `json:"tags"`
	PrivateNetworkID  *string           `json:"private_network_id"`
	Region            string            `json:"region"`
}

func (c *call) functionV1beta1(w *Workload) functionV1beta1 {
	f := w.function
	return functionV1beta1{
		ID: w.id, Name: w.name, NamespaceID: w.namespace.id, Status: c.shown(w), Environment: w.env,
		MinScale: w.minScale, MaxScale: w.maxScale, Runtime: f.runtime, MemoryLimit: f.memory, CPULimit: cpuFor(f.memory),
		Timeout: w.timeout, Handler: f.handler, ErrorMessage: w.errorMessage(), BuildMessage: c.buildMessage(w),
		Privacy: w.privacy, Description: w.description, DomainName: w.host, SecretEnvironment: c.hashedList(w.secrets),
		HTTPOption: httpOption(w.httpsOnly), Sandbox: w.sandbox, CreatedAt: w.created, UpdatedAt: w.updated,
		ReadyAt: w.readyAt, Tags: w.tags, PrivateNetworkID: w.privateNetwork, Region: c.Region,
	}
}

// cpuFor is the share of CPU that comes with memory: 140 with 256 MB.
func cpuFor(memory uint32) uint32 { return memory * 140 / 256 }

func httpOption(httpsOnly bool) string {
	if httpsOnly {
		return "redirected"
	}
	return "enabled"
}

// buildMessage names the build step in the middle third of a deployment: the
// first answers after a deploy were recorded without one.
func (c *call) buildMessage(w *Workload) *string {
	if launch := w.function.hosted.launch; launch != nil {
		return launch.message()
	}
	if w.status != statusPending || w.function.build.IsZero() {
		return nil
	}
	whole := w.ahead.due.Sub(w.function.build)
	if done := c.Now.Sub(w.function.build); done < whole/3 || done >= whole*2/3 {
		return nil
	}
	step := "step 2 of 3: function build in progress"
	return &step
}

func (s *Serverless) routeFunctions(mux *http.ServeMux) {
	a := functionsV1beta1()
	a.routeNamespaces(s, mux)
	a.handle(s, mux, "GET", "/runtimes", listRuntimes)
	a.handle(s, mux, "GET", "/functions", a.listFunctions)
	a.handle(s, mux, "POST", "/functions", a.createFunction)
	a.handle(s, mux, "GET", "/functions/{function_id}", a.getFunction)
	a.handle(s, mux, "PATCH", "/functions/{function_id}", a.updateFunction)
	a.handle(s, mux, "DELETE", "/functions/{function_id}", a.deleteFunction)
	a.handle(s, mux, "POST", "/functions/{function_id}/deploy", a.deployFunction)
	a.handle(s, mux, "GET", "/functions/{function_id}/upload-url", a.uploadURL)
	a.handle(s, mux, "GET", "/namespaces/{namespace_id}/functions", a.listFunctionsOf)
	a.handle(s, mux, "GET", "/triggers", a.listTriggers)
	a.routeTokens(s, mux)
	a.routeDomains(s, mux)
	a.routeCrons(s, mux)
}

func (a *v1beta1) listFunctions(c *call, p *Product) (any, error) {
	rows, err := c.searchWorkloads(p)
	if err != nil {
		return nil, err
	}
	return rendered(c, "functions", rows, func(w *Workload) any { return c.functionV1beta1(w) })
}

// listFunctionsOf is an older way to list the functions of a namespace; the
// plugin of osls knows no other.
func (a *v1beta1) listFunctionsOf(c *call, p *Product) (any, error) {
	n, err := a.namespace(c, p, c.Request.PathValue("namespace_id"))
	if err != nil {
		return nil, err
	}
	rows := p.workloads.All(func(w *Workload) bool { return w.namespace == n })
	return rendered(c, "functions", rows, func(w *Workload) any { return c.functionV1beta1(w) })
}

// listTriggers is asked by the plugin of osls. There are none but crons here.
func (a *v1beta1) listTriggers(c *call, _ *Product) (any, error) {
	if !c.AllowedSomewhere() {
		return nil, c.Forbidden()
	}
	return wire.Object{"triggers": []any{}, "total_count": 0}, nil
}

// searchWorkloads is the list of functions, and of containers in both APIs.
// The SDK sends namespace_id= where none is meant (docs/scaleway.md, Requests and
// answers).
func (c *call) searchWorkloads(p *Product) ([]*Workload, error) {
	rows, err := search(c, p.workloads.All(nil), func(w *Workload) string { return w.namespace.project }, c.scope(p),
		func(w *Workload) bool {
			return c.Passes("namespace_id", w.namespace.id) && c.Passes("name", w.name) &&
				c.Passes("project_id", w.namespace.project) && c.Passes("organization_id", c.OrganizationID)
		})
	return api.Ordered(c.Call, rows, "created_at_asc", map[string]func(a, b *Workload) int{
		"name": wire.ByText(func(w *Workload) string { return w.name }),
	}), err
}

func (a *v1beta1) getFunction(c *call, p *Product) (any, error) {
	w, err := a.workload(c, p, c.Request.PathValue("function_id"))
	if err != nil {
		return nil, err
	}
	return c.functionV1beta1(w), nil
}

// functionWrite is the body of POST and PATCH. Enums that begin with unknown_
// mean not given, and so does null (docs/scaleway.md, Requests and answers).
type functionWrite struct {
	Name           string             `json:"name"`         // POST
	Namespace      string             `json:"namespace_id"` // POST
	Env            *map[string]string `json:"environment_variables"`
	MinScale       *uint32            `json:"min_scale"`
	MaxScale       *uint32            `json:"max_scale"`
	Runtime        string             `json:"runtime"`
	Memory         *uint32            `json:"memory_limit"`
	Timeout        *wire.Seconds      `json:"timeout"`
	Redeploy       *bool              `json:"redeploy"` // PATCH
	Handler        *string            `json:"handler"`
	Privacy        string             `json:"privacy"`
	Description    *string            `json:"description"`
	Secrets        []secretInput      `json:"secret_environment_variables"`
	HTTPOption     string             `json:"http_option"`
	Sandbox        string             `json:"sandbox"`
	Tags           *[]string          `json:"tags"`
	PrivateNetwork *string            `json:"private_network_id"`
}

// check refuses values that no enum of the API has.
func (in *functionWrite) check() error {
	if !wire.Unset(in.Runtime) && !slices.ContainsFunc(runtimes, func(r functionRuntime) bool { return r.Name == in.Runtime }) {
		return wire.Message(http.StatusBadRequest, "runtime %q is not supported", in.Runtime)
	}
	return checkEnums(map[string]string{"privacy": in.Privacy, "http_option": in.HTTPOption, "sandbox": in.Sandbox})
}

func (in *functionWrite) apply(c *call, w *Workload) {
	wire.Set(&w.env, in.Env)
	wire.Set(&w.minScale, in.MinScale)
	wire.Set(&w.maxScale, in.MaxScale)
	wire.Set(&w.timeout, in.Timeout)
	wire.Set(&w.description, in.Description)
	wire.Set(&w.tags, in.Tags)
	wire.Set(&w.function.memory, in.Memory)
	wire.Set(&w.function.handler, in.Handler)
	w.function.runtime = wire.Chosen(in.Runtime, w.function.runtime)
	w.privacy = wire.Chosen(in.Privacy, w.privacy)
	w.sandbox = wire.Chosen(in.Sandbox, w.sandbox)
	w.httpsOnly = wire.Chosen(in.HTTPOption, httpOption(w.httpsOnly)) == "redirected"
	w.secrets = w.secrets.merge(in.Secrets, c.Mint)
	if in.PrivateNetwork != nil {
		w.privateNetwork = in.PrivateNetwork
	}
	w.env, w.tags = wire.OrEmptyMap(w.env), wire.OrEmpty(w.tags)
}

func (a *v1beta1) createFunction(c *call, p *Product) (any, error) {
	var in functionWrite
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	n, err := a.namespaceFor(c, p, in.Namespace, in.Name)
	if err != nil {
		return nil, err
	}
	if wire.Unset(in.Runtime) {
		return nil, wire.Message(http.StatusBadRequest, "Key: 'Function.Runtime' Error:Field validation for 'Runtime' failed on the 'required' tag")
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	w := c.newWorkload(p, n, in.Name)
	w.maxScale = 20
	w.function = &functionSpec{memory: 256, handler: defaultHandler(in.Runtime)}
	in.apply(c, w)
	w.status = statusCreated
	w.created, w.updated = wire.AtNanos(c.Now), wire.AtNanos(c.Now)
	p.workloads.Put(w.id, w)
	return c.functionWritten(w)
}

// functionWritten is the answer to a call that wrote w.
func (c *call) functionWritten(w *Workload) (any, error) {
	view := c.functionV1beta1(w)
	w.written()
	return view, nil
}

func (a *v1beta1) updateFunction(c *call, p *Product) (any, error) {
	var in functionWrite
	w, err := a.workload(c, p, c.Request.PathValue("function_id"))
	if err != nil {
		return nil, err
	}
	if err := a.standing(&w.life, a.kind); err != nil {
		return nil, err
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	in.apply(c, w)
	w.updated = wire.AtNanos(c.Now)
	if c.redeploys(in.Redeploy) {
		c.deploy(w, w.function.code == codeBuilds)
	}
	return c.functionWritten(w)
}

// redeploys tells whether a PATCH redeploys: each does, unless it says not to
// (docs/scaleway.md, Deployments; A05 for what then happens).
func (c *call) redeploys(asked *bool) bool {
	return asked == nil || *asked || c.Settings.Answers.RedeployAlways
}

func (a *v1beta1) deployFunction(c *call, p *Product) (any, error) {
	w, err := a.workload(c, p, c.Request.PathValue("function_id"))
	if err != nil {
		return nil, err
	}
	if err := a.standing(&w.life, a.kind); err != nil {
		return nil, err
	}
	// Without a host, who asks for a deployment is taken to have uploaded code
	// somehow (A20).
	if w.function.code == codeUnknown && c.host == nil {
		w.function.code = codeBuilds
	}
	w.updated = wire.AtNanos(c.Now)
	c.deploy(w, w.function.code == codeBuilds)
	w.function.build = c.Now
	return c.functionWritten(w)
}

func (a *v1beta1) deleteFunction(c *call, p *Product) (any, error) {
	w, err := a.workload(c, p, c.Request.PathValue("function_id"))
	if err != nil {
		return nil, err
	}
	c.deleteWorkload(p, w, wire.AtNanos)
	return c.functionWritten(w)
}
