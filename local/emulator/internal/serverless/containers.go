package serverless

import (
	"net/http"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// containerSpec is what only containers have. Memory and disk are kept in
// bytes, as containers v1 has them; v1beta1 says MB, of 1,000,000 bytes.
type containerSpec struct {
	image          string
	pushed         bool // false: the namespace's own registry, where nothing is
	memory, disk   uint64
	cpu            uint32
	port           uint32
	protocol       string
	scaling        scaling
	maxConcurrency uint32
	liveness       probe
	startup        *probe
	command, args  []string

	publicOff bool // its default domain answers 404
	publicSet bool // somebody said so, or the contrary
	private   bool // it has an endpoint in private networks
}

const megabyte = 1_000_000

// containerV1beta1 is a container as containers v1beta1 shows it.
type containerV1beta1 struct {
	ID                string            `json:"id"`
	Name              string            `json:"name"`
	NamespaceID       string            `json:"namespace_id"`
	Status            string            `json:"status"`
	Environment       map[string]string `json:"environment_variables"`
	MinScale          uint32            `json:"min_scale"`
	MaxScale          uint32            `json:"max_scale"`
	MemoryLimit       uint64            `json:"memory_limit"`
	CPULimit          uint32            `json:"cpu_limit"`
	Timeout           wire.Seconds      `json:"timeout"`
	ErrorMessage      *string           `json:"error_message"`
	Privacy           string            `json:"privacy"`
	Description       string            `json:"description"`
	RegistryImage     string            `json:"registry_image"`
	MaxConcurrency    uint32            `json:"max_concurrency"`
	DomainName        string            `json:"domain_name"`
	Protocol          string            `json:"protocol"`
	Port              uint32            `json:"port"`
	SecretEnvironment []secretOutput    `json:"secret_environment_variables"`
	HTTPOption        string            `json:"http_option"`
	Sandbox           string            `json:"sandbox"`
	LocalStorageLimit uint64            `json:"local_storage_limit"`
	ScalingOption     scaling           `json:"scaling_option"`
	HealthCheck       wire.Object       `json:"health_check"`
	CreatedAt         wire.Stamp        `json:"created_at"`
	UpdatedAt         wire.Stamp        `json:"updated_at"`
	ReadyAt           wire.Stamp        `json:"ready_at"`
	Tags              []string          `json:"tags"`
	PrivateNetworkID  *string           `json:"private_network_id"`
	Command           []string          `json:"command"`
	Args              []string          `json:"args"`
	Region            string            `json:"region"`
}

func (c *call) containerV1beta1(w *Workload) containerV1beta1 {
	s := w.container
	health := wire.Object{"failure_threshold": s.liveness.FailureThreshold, "interval": s.liveness.Interval}
	if s.liveness.HTTP != nil {
		health["http"] = s.liveness.HTTP
	} else {
		health["tcp"] = wire.Object{}
	}
	return containerV1beta1{
		ID: w.id, Name: w.name, NamespaceID: w.namespace.id, Status: c.shown(w), Environment: w.env,
		MinScale: w.minScale, MaxScale: w.maxScale, MemoryLimit: s.memory / megabyte, CPULimit: s.cpu, Timeout: w.timeout,
		ErrorMessage: w.errorMessage(), Privacy: w.privacy, Description: w.description, RegistryImage: s.image,
		MaxConcurrency: s.maxConcurrency, DomainName: w.host, Protocol: s.protocol, Port: s.port,
		SecretEnvironment: c.hashedList(w.secrets), HTTPOption: httpOption(w.httpsOnly), Sandbox: w.sandbox,
		LocalStorageLimit: s.disk / megabyte, ScalingOption: s.scaling, HealthCheck: health,
		CreatedAt: w.created, UpdatedAt: w.updated, ReadyAt: w.readyAt, Tags: w.tags, PrivateNetworkID: w.privateNetwork,
		Command: s.command, Args: s.args, Region: c.Region,
	}
}

func (s *Serverless) routeContainers(mux *http.ServeMux) {
	a := containersV1beta1()
	a.routeNamespaces(s, mux)
	a.handle(s, mux, "GET", "/containers", a.listContainers)
	a.handle(s, mux, "POST", "/containers", a.createContainer)
	a.handle(s, mux, "GET", "/containers/{container_id}", a.getContainer)
	a.handle(s, mux, "PATCH", "/containers/{container_id}", a.updateContainer)
	a.handle(s, mux, "DELETE", "/containers/{container_id}", a.deleteContainer)
	a.handle(s, mux, "POST", "/containers/{container_id}/deploy", a.deployContainer)
	a.routeTokens(s, mux)
	a.routeDomains(s, mux)
	a.routeCrons(s, mux)
}

func (a *v1beta1) listContainers(c *call, p *Product) (any, error) {
	rows, err := c.searchWorkloads(p)
	if err != nil {
		return nil, err
	}
	return rendered(c, "containers", rows, func(w *Workload) any { return c.containerV1beta1(w) })
}

func (a *v1beta1) getContainer(c *call, p *Product) (any, error) {
	w, err := a.workload(c, p, c.Request.PathValue("container_id"))
	if err != nil {
		return nil, err
	}
	return c.containerV1beta1(w), nil
}

// containerWrite is the body of POST and PATCH in v1beta1.
type containerWrite struct {
	Name           string             `json:"name"`         // POST
	Namespace      string             `json:"namespace_id"` // POST
	Env            *map[string]string `json:"environment_variables"`
	MinScale       *uint32            `json:"min_scale"`
	MaxScale       *uint32            `json:"max_scale"`
	Memory         *uint64            `json:"memory_limit"`
	CPU            *uint32            `json:"cpu_limit"`
	Timeout        *wire.Seconds      `json:"timeout"`
	Redeploy       *bool              `json:"redeploy"` // PATCH
	Privacy        string             `json:"privacy"`
	Description    *string            `json:"description"`
	Image          *string            `json:"registry_image"`
	MaxConcurrency *uint32            `json:"max_concurrency"`
	Protocol       string             `json:"protocol"`
	Port           *uint32            `json:"port"`
	Secrets        []secretInput      `json:"secret_environment_variables"`
	HTTPOption     string             `json:"http_option"`
	Sandbox        string             `json:"sandbox"`
	Disk           *uint64            `json:"local_storage_limit"`
	Scaling        *scaling           `json:"scaling_option"`
	Health         *probeWrite        `json:"health_check"`
	Tags           *[]string          `json:"tags"`
	PrivateNetwork *string            `json:"private_network_id"`
	Command        *[]string          `json:"command"`
	Args           *[]string          `json:"args"`
}

func (in *containerWrite) check() error {
	return checkEnums(map[string]string{
		"privacy": in.Privacy, "protocol": in.Protocol, "http_option": in.HTTPOption, "sandbox": in.Sandbox,
	})
}

func (in *containerWrite) apply(c *call, w *Workload) {
	s := w.container
	wire.Set(&w.env, in.Env)
	wire.Set(&w.minScale, in.MinScale)
	wire.Set(&w.maxScale, in.MaxScale)
	wire.Set(&w.timeout, in.Timeout)
	wire.Set(&w.description, in.Description)
	wire.Set(&w.tags, in.Tags)
	wire.Set(&s.cpu, in.CPU)
	wire.Set(&s.port, in.Port)
	wire.Set(&s.command, in.Command)
	wire.Set(&s.args, in.Args)
	if in.Memory != nil {
		s.memory = *in.Memory * megabyte
	}
	if in.Disk != nil {
		s.disk = *in.Disk * megabyte
	}
	if in.Image != nil && *in.Image != "" {
		s.image, s.pushed = *in.Image, true
	}
	if in.MaxConcurrency != nil {
		s.maxConcurrency, s.scaling = *in.MaxConcurrency, scaleOnRequests(*in.MaxConcurrency)
	}
	s.scale(in.Scaling)
	s.liveness = in.Health.over(s.liveness)
	s.protocol = wire.Chosen(in.Protocol, s.protocol)
	w.privacy = wire.Chosen(in.Privacy, w.privacy)
	w.sandbox = wire.Chosen(in.Sandbox, w.sandbox)
	w.httpsOnly = wire.Chosen(in.HTTPOption, httpOption(w.httpsOnly)) == "redirected"
	w.secrets = w.secrets.merge(in.Secrets, c.Mint)
	if in.PrivateNetwork != nil {
		w.privateNetwork = in.PrivateNetwork
	}
	w.env, w.tags, s.command, s.args = wire.OrEmptyMap(w.env), wire.OrEmpty(w.tags), wire.OrEmpty(s.command), wire.OrEmpty(s.args)
}

// scale takes over a scaling option; v1beta1's older max_concurrency follows.
func (s *containerSpec) scale(in *scaling) {
	if in == nil || *in == (scaling{}) {
		return
	}
	s.scaling = *in
	wire.Set(&s.maxConcurrency, in.Requests)
}

func newContainerSpec() *containerSpec {
	return &containerSpec{
		memory: 2048 * megabyte, disk: 1000 * megabyte, cpu: 1000, port: 8080, protocol: "http1",
		scaling: scaleOnRequests(50), maxConcurrency: 50, liveness: defaultProbe(),
	}
}

func (a *v1beta1) createContainer(c *call, p *Product) (any, error) {
	var in containerWrite
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	n, err := a.namespaceFor(c, p, in.Namespace, in.Name)
	if err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	w := c.newWorkload(p, n, in.Name)
	w.maxScale = 5
	w.container = newContainerSpec()
	w.container.image = "rg." + p.region + ".scw.cloud/funcscw" + n.slug + "/" + in.Name + ":latest"
	if in.Memory != nil && in.CPU == nil {
		w.container.cpu = cpuFor(uint32(*in.Memory)) //nolint:gosec // megabytes
	}
	in.apply(c, w)
	w.status = statusCreated
	w.created, w.updated = wire.AtNanos(c.Now), wire.AtNanos(c.Now)
	p.workloads.Put(w.id, w)
	return c.containerWritten(w)
}

// containerWritten is the answer to a v1beta1 call that wrote w.
func (c *call) containerWritten(w *Workload) (any, error) {
	view := c.containerV1beta1(w)
	w.written()
	return view, nil
}

func (a *v1beta1) updateContainer(c *call, p *Product) (any, error) {
	var in containerWrite
	w, err := a.workload(c, p, c.Request.PathValue("container_id"))
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
		c.deployContainer(w, wire.At)
	}
	return c.containerWritten(w)
}

func (a *v1beta1) deployContainer(c *call, p *Product) (any, error) {
	w, err := a.workload(c, p, c.Request.PathValue("container_id"))
	if err != nil {
		return nil, err
	}
	if err := a.standing(&w.life, a.kind); err != nil {
		return nil, err
	}
	w.updated = wire.AtNanos(c.Now)
	c.deployContainer(w, wire.At)
	return c.containerWritten(w)
}

func (a *v1beta1) deleteContainer(c *call, p *Product) (any, error) {
	w, err := a.workload(c, p, c.Request.PathValue("container_id"))
	if err != nil {
		return nil, err
	}
	c.deleteWorkload(p, w, wire.AtNanos)
	return c.containerWritten(w)
}
