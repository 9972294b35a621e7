package serverless

import (
	"net/http"
	"slices"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// Containers v1 is a second view of the same containers: standard errors,
// other words for what is under way, bytes, secrets by key (docs/scaleway.md,
// Containers).

// v1Status is the word of containers v1: creating until it has been ready
// once, then updating. It knows neither created nor pending; what was never
// deployed through v1beta1 shows as creating (A28).
func v1Status(l *life) string { return l.v1Word(l.status) }

func (l *life) v1Word(status string) string {
	switch {
	case status != statusPending && status != statusCreated:
		return status
	case l.served || l.rewritten:
		return "updating"
	default:
		return "creating"
	}
}

// v1ErrorMessage is missing while something is under way, and "" if all went
// well.
func v1ErrorMessage(l *life) *string {
	if l.status != statusReady && l.status != statusError {
		return nil
	}
	return &l.problem
}

// containerV1 is a container as containers v1 shows it.
type containerV1 struct {
	ID                   string            `json:"id"`
	Name                 string            `json:"name"`
	NamespaceID          string            `json:"namespace_id"`
	Description          string            `json:"description"`
	Status               string            `json:"status"`
	ErrorMessage         *string           `json:"error_message,omitempty"`
	CreatedAt            wire.Stamp        `json:"created_at"`
	UpdatedAt            wire.Stamp        `json:"updated_at"`
	MinScale             uint32            `json:"min_scale"`
	MaxScale             uint32            `json:"max_scale"`
	MemoryLimitBytes     uint64            `json:"memory_limit_bytes"`
	MVCPULimit           uint32            `json:"mvcpu_limit"`
	Timeout              wire.Seconds      `json:"timeout"`
	Privacy              string            `json:"privacy"`
	Image                string            `json:"image"`
	Protocol             string            `json:"protocol"`
	Port                 uint32            `json:"port"`
	HTTPSConnectionsOnly bool              `json:"https_connections_only"`
	Sandbox              string            `json:"sandbox"`
	LocalStorageLimit    uint64            `json:"local_storage_limit_bytes"`
	ScalingOption        scaling           `json:"scaling_option"`
	Tags                 []string          `json:"tags"`
	PrivateNetworkID     *string           `json:"private_network_id,omitempty"`
	Command              []string          `json:"command"`
	Args                 []string          `json:"args"`
	Environment          map[string]string `json:"environment_variables"`
	PublicEndpoint       string            `json:"public_endpoint"`
	PrivateEndpoint      *string           `json:"private_endpoint,omitempty"`
	PublicEnabled        *bool             `json:"default_public_endpoint_enabled,omitempty"`
	LivenessProbe        probe             `json:"liveness_probe"`
	StartupProbe         *probe            `json:"startup_probe"`
	SecretEnvironment    map[string]string `json:"secret_environment_variables"`
	Region               string            `json:"region"`
}

// containerV1 shows default_public_endpoint_enabled and private_endpoint only
// where a request or a seed has set them: no recording has either, and a
// client must not take an absent boolean for "disabled" (docs/scaleway.md,
// Containers).
func (c *call) containerV1(w *Workload) containerV1 {
	s := w.container
	view := containerV1{
		ID: w.id, Name: w.name, NamespaceID: w.namespace.id, Description: w.description, Status: w.v1Word(c.shown(w)),
		ErrorMessage: v1ErrorMessage(&w.life), CreatedAt: w.created, UpdatedAt: w.updated,
		MinScale: w.minScale, MaxScale: w.maxScale, MemoryLimitBytes: s.memory, MVCPULimit: s.cpu, Timeout: w.timeout,
		Privacy: w.privacy, Image: s.image, Protocol: s.protocol, Port: s.port, HTTPSConnectionsOnly: w.httpsOnly,
		Sandbox: w.sandbox, LocalStorageLimit: s.disk, ScalingOption: s.scaling, Tags: w.tags,
		PrivateNetworkID: w.privateNetwork, Command: s.command, Args: s.args, Environment: w.env,
		PublicEndpoint: "https://" + w.host, LivenessProbe: s.liveness, StartupProbe: s.startup,
		SecretEnvironment: c.hashedMap(w.secrets), Region: c.Region,
	}
	if s.publicSet {
		enabled := !s.publicOff
		view.PublicEnabled = &enabled
	}
	if s.private {
		url := "https://" + w.id + ".containers.internal"
		view.PrivateEndpoint = &url
	}
	return view
}

func (s *Serverless) routeContainersV1(mux *http.ServeMux) {
	handle := func(method, path string, needs permission.Need, serve regional) {
		s.handle(mux, method+" /containers/v1/regions/{region}"+path, needs, func(c *call) (any, error) {
			if !slices.Contains(regions, c.Region) && c.Region != milan {
				return nil, wire.Invalid("region", "unknown", "unknown region "+c.Region)
			}
			return serve(c, s.productIn("containers", c.Region, c.Now))
		})
	}
	handle("GET", "/namespaces", permission.ReadContainers, listNamespacesV1)
	handle("POST", "/namespaces", permission.WriteContainers, createNamespaceV1)
	handle("GET", "/namespaces/{namespace_id}", permission.ReadContainers, getNamespaceV1)
	handle("PATCH", "/namespaces/{namespace_id}", permission.WriteContainers, updateNamespaceV1)
	handle("DELETE", "/namespaces/{namespace_id}", permission.DeleteContainers, deleteNamespaceV1)
	handle("GET", "/containers", permission.ReadContainers, listContainersV1)
	handle("POST", "/containers", permission.WriteContainers, createContainerV1)
	handle("GET", "/containers/{container_id}", permission.ReadContainers, getContainerV1)
	handle("PATCH", "/containers/{container_id}", permission.WriteContainers, updateContainerV1)
	handle("POST", "/containers/{container_id}/redeploy", permission.WriteContainers, redeployContainerV1)
	handle("DELETE", "/containers/{container_id}", permission.DeleteContainers, deleteContainerV1)
	handle("GET", "/triggers", permission.ReadContainers, listTriggersV1)
	handle("GET", "/domains", permission.ReadContainers, listDomainsV1)
	handle("POST", "/domains", permission.WriteContainers, createDomainV1)
	handle("GET", "/domains/{domain_id}", permission.ReadContainers, getDomainV1)
	handle("PATCH", "/domains/{domain_id}", permission.WriteContainers, updateDomainV1)
	handle("DELETE", "/domains/{domain_id}", permission.DeleteContainers, deleteDomainV1)
}

// listTriggersV1 is asked by clients of the whole API. There are none but crons here.
func listTriggersV1(c *call, _ *Product) (any, error) {
	if !c.AllowedSomewhere() {
		return nil, c.Forbidden()
	}
	return wire.Object{"triggers": []any{}, "total_count": 0}, nil
}

func (c *call) workloadV1(p *Product, id string) (*Workload, error) {
	w := p.workloads.Get(id)
	if w == nil {
		return nil, wire.NotFound("container", id)
	}
	return w, c.AuthorizeOn(w.namespace.project, w.id, w.name)
}

// standingV1 refuses to write to what is being deleted (A24).
func standingV1(l *life, resource, id string) error {
	if l.status != statusDeleting {
		return nil
	}
	return &wire.Error{Status: http.StatusConflict, Body: wire.Object{
		"current_state": "deleting", "message": "resource is in a transient state",
		"resource": resource, "resource_id": id, "type": "transient_state",
	}}
}

func listContainersV1(c *call, p *Product) (any, error) {
	rows, err := c.searchWorkloads(p)
	if err != nil {
		return nil, err
	}
	return rendered(c, "containers", rows, func(w *Workload) any { return c.containerV1(w) })
}

func getContainerV1(c *call, p *Product) (any, error) {
	w, err := c.workloadV1(p, c.Request.PathValue("container_id"))
	if err != nil {
		return nil, err
	}
	return c.containerV1(w), nil
}

func createContainerV1(c *call, p *Product) (any, error) {
	var in containerWriteV1
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	n, err := c.namespaceV1(p, in.Namespace)
	if err != nil {
		return nil, err
	}
	if err := standingV1(&n.life, "namespace", n.id); err != nil {
		return nil, err
	}
	if err := nameV1("Container", in.Name); err != nil {
		return nil, err
	}
	if in.Image == nil || *in.Image == "" {
		return nil, wire.Invalid("image", "required", "image is required")
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if p.holds(n, in.Name) {
		return nil, wire.Exists("container", "", "a container with this name exists in the namespace")
	}
	w := c.newWorkload(p, n, in.Name)
	w.maxScale = 5
	w.container = newContainerSpec()
	in.apply(c, w)
	wire.Set(&w.httpsOnly, in.HTTPSOnly)
	w.created, w.updated = wire.At(c.Now), wire.At(c.Now)
	c.deployContainer(w, wire.AtSecond)
	p.workloads.Put(w.id, w)
	return c.containerV1(w), nil
}

func updateContainerV1(c *call, p *Product) (any, error) {
	var in containerWriteV1
	w, err := c.workloadV1(p, c.Request.PathValue("container_id"))
	if err != nil {
		return nil, err
	}
	if err := standingV1(&w.life, "container", w.id); err != nil {
		return nil, err
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	in.apply(c, w)
	wire.Set(&w.httpsOnly, in.HTTPSOnlyPatch)
	return c.redeployedV1(w), nil
}

func redeployContainerV1(c *call, p *Product) (any, error) {
	w, err := c.workloadV1(p, c.Request.PathValue("container_id"))
	if err != nil {
		return nil, err
	}
	if err := standingV1(&w.life, "container", w.id); err != nil {
		return nil, err
	}
	return c.redeployedV1(w), nil
}

// redeployedV1 starts a deployment and is the answer to the call that did.
func (c *call) redeployedV1(w *Workload) any {
	w.rewritten = true
	w.updated = wire.At(c.Now)
	c.deployContainer(w, wire.AtSecond)
	return c.containerV1(w)
}

func deleteContainerV1(c *call, p *Product) (any, error) {
	w, err := c.workloadV1(p, c.Request.PathValue("container_id"))
	if err != nil {
		return nil, err
	}
	c.deleteWorkload(p, w, wire.At)
	return c.containerV1(w), nil
}

// containerWriteV1 is the body of POST and PATCH. They spell HTTPS only in two
// ways; both mean the same member.
type containerWriteV1 struct {
	Name           string             `json:"name"`         // POST
	Namespace      string             `json:"namespace_id"` // POST
	Env            *map[string]string `json:"environment_variables"`
	Secrets        *map[string]string `json:"secret_environment_variables"`
	MinScale       *uint32            `json:"min_scale"`
	MaxScale       *uint32            `json:"max_scale"`
	Memory         *uint64            `json:"memory_limit_bytes"`
	CPU            *uint32            `json:"mvcpu_limit"`
	Timeout        *wire.Seconds      `json:"timeout"`
	Privacy        string             `json:"privacy"`
	Description    *string            `json:"description"`
	Image          *string            `json:"image"`
	Protocol       string             `json:"protocol"`
	Port           *uint32            `json:"port"`
	HTTPSOnly      *bool              `json:"https_connections_only"` // POST
	HTTPSOnlyPatch *bool              `json:"https_connection_only"`  // PATCH
	Sandbox        string             `json:"sandbox"`
	Disk           *uint64            `json:"local_storage_limit_bytes"`
	Scaling        *scaling           `json:"scaling_option"`
	Liveness       *probeWrite        `json:"liveness_probe"`
	Startup        *probeWrite        `json:"startup_probe"`
	Tags           *[]string          `json:"tags"`
	PrivateNetwork *string            `json:"private_network_id"`
	Command        *[]string          `json:"command"`
	Args           *[]string          `json:"args"`
	Private        *bool              `json:"enable_private_endpoint"`
	Public         *bool              `json:"enable_default_public_endpoint"`
}

// check refuses values that no enum of the API has.
func (in *containerWriteV1) check() error {
	given := map[string]string{"privacy": in.Privacy, "protocol": in.Protocol, "sandbox": in.Sandbox}
	for name, value := range given {
		if !wire.Unset(value) && !slices.Contains(enums[name], value) {
			return wire.Invalid(name, "constraint", "unknown value "+value)
		}
	}
	return nil
}

func (in *containerWriteV1) apply(c *call, w *Workload) {
	s := w.container
	wire.Set(&w.env, in.Env)
	wire.Set(&w.minScale, in.MinScale)
	wire.Set(&w.maxScale, in.MaxScale)
	wire.Set(&w.timeout, in.Timeout)
	wire.Set(&w.description, in.Description)
	wire.Set(&w.tags, in.Tags)
	wire.Set(&s.memory, in.Memory)
	wire.Set(&s.disk, in.Disk)
	wire.Set(&s.cpu, in.CPU)
	wire.Set(&s.port, in.Port)
	wire.Set(&s.command, in.Command)
	wire.Set(&s.args, in.Args)
	wire.Set(&s.private, in.Private)
	if in.Image != nil && *in.Image != "" {
		s.image, s.pushed = *in.Image, true
	}
	if in.Public != nil {
		s.publicOff, s.publicSet = !*in.Public, true
	}
	if in.PrivateNetwork != nil {
		w.privateNetwork = in.PrivateNetwork
	}
	if in.Secrets != nil {
		w.secrets = w.secrets.replace(*in.Secrets, c.Mint)
	}
	if in.Startup != nil {
		startup := defaultProbe()
		if s.startup != nil {
			startup = *s.startup
		}
		startup = in.Startup.over(startup)
		s.startup = &startup
	}
	s.scale(in.Scaling)
	s.liveness = in.Liveness.over(s.liveness)
	s.protocol = wire.Chosen(in.Protocol, s.protocol)
	w.privacy = wire.Chosen(in.Privacy, w.privacy)
	w.sandbox = wire.Chosen(in.Sandbox, w.sandbox)
	w.env, w.tags, s.command, s.args = wire.OrEmptyMap(w.env), wire.OrEmpty(w.tags), wire.OrEmpty(s.command), wire.OrEmpty(s.args)
}
