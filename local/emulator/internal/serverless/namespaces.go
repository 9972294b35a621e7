package serverless

import (
	"net/http"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// namespaceV1beta1 is a namespace of functions, or of containers v1beta1.
type namespaceV1beta1 struct {
	ID                  string            `json:"id"`
	Name                string            `json:"name"`
	Environment         map[string]string `json:"environment_variables"`
	OrganizationID      string            `json:"organization_id"`
	ProjectID           string            `json:"project_id"`
	Status              string            `json:"status"`
	RegistryNamespaceID string            `json:"registry_namespace_id"`
	ErrorMessage        *string           `json:"error_message"`
	RegistryEndpoint    string            `json:"registry_endpoint"`
	Description         string            `json:"description"`
	SecretEnvironment   []secretOutput    `json:"secret_environment_variables"`
	Tags                []string          `json:"tags"`
	CreatedAt           wire.Stamp        `json:"created_at"`
	UpdatedAt           wire.Stamp        `json:"updated_at"`
	VPC                 bool              `json:"vpc_integration_activated"`
	Region              string            `json:"region"`
}

// registry is the namespace's own in the Container Registry, known once the
// namespace has been ready.
func (n *Namespace) registry(region string) (id, endpoint string) {
	if n.registryID == "" || !n.served {
		return "", ""
	}
	return n.registryID, "rg." + region + ".scw.cloud/funcscw" + n.slug
}

func (c *call) namespaceV1beta1(n *Namespace) namespaceV1beta1 {
	registryID, registry := n.registry(c.Region)
	return namespaceV1beta1{
		ID: n.id, Name: n.name, Environment: n.env, OrganizationID: c.OrganizationID, ProjectID: n.project,
		Status: n.status, RegistryNamespaceID: registryID, ErrorMessage: n.errorMessage(), RegistryEndpoint: registry,
		Description: n.description, SecretEnvironment: c.hashedList(n.secrets), Tags: n.tags,
		CreatedAt: n.created, UpdatedAt: n.updated, VPC: n.vpc, Region: c.Region,
	}
}

// answerWritten is the answer to a call that wrote n.
func (c *call) answerWritten(n *Namespace) (any, error) {
	view := c.namespaceV1beta1(n)
	n.written()
	return view, nil
}

func (a *v1beta1) routeNamespaces(s *Serverless, mux *http.ServeMux) {
	a.handle(s, mux, "GET", "/namespaces", a.listNamespaces)
	a.handle(s, mux, "POST", "/namespaces", a.createNamespace)
	a.handle(s, mux, "GET", "/namespaces/{namespace_id}", a.getNamespace)
	a.handle(s, mux, "PATCH", "/namespaces/{namespace_id}", a.updateNamespace)
	a.handle(s, mux, "DELETE", "/namespaces/{namespace_id}", a.deleteNamespace)
}

func (a *v1beta1) listNamespaces(c *call, p *Product) (any, error) {
	rows, err := c.searchNamespaces(p)
	if err != nil {
		return nil, err
	}
	return rendered(c, "namespaces", rows, func(n *Namespace) any { return c.namespaceV1beta1(n) })
}

// searchNamespaces is the list of all three APIs.
func (c *call) searchNamespaces(p *Product) ([]*Namespace, error) {
	rows, err := search(c, p.namespaces.All(nil), func(n *Namespace) string { return n.project }, c.scope(p),
		func(n *Namespace) bool {
			return c.Passes("project_id", n.project) && c.Passes("organization_id", c.OrganizationID) && c.Passes("name", n.name)
		})
	return api.Ordered(c.Call, rows, "created_at_asc", map[string]func(a, b *Namespace) int{
		"name": wire.ByText(func(n *Namespace) string { return n.name }),
	}), err
}

func (a *v1beta1) createNamespace(c *call, p *Product) (any, error) {
	var in struct {
		Name        string            `json:"name"`
		Project     string            `json:"project_id"`
		Description string            `json:"description"`
		Env         map[string]string `json:"environment_variables"`
		Secrets     []secretInput     `json:"secret_environment_variables"`
		Tags        []string          `json:"tags"`
		VPC         bool              `json:"activate_vpc_integration"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	project, err := c.projectOr(in.Project)
	if err != nil {
		return nil, err
	}
	if err := nameOf("Namespace", in.Name); err != nil {
		return nil, err
	}
	if p.taken(project, in.Name) {
		return nil, wire.Message(http.StatusConflict, "Namespace already exist")
	}
	n := c.newNamespace(in.Name, project)
	n.slug, n.registryID = slug(in.Name, c.Mint.Pick(slugAlphabet, slugSuffix)), c.Mint.UUID()
	n.description, n.env, n.tags, n.vpc = in.Description, wire.OrEmptyMap(in.Env), wire.OrEmpty(in.Tags), in.VPC
	n.secrets = n.secrets.merge(in.Secrets, c.Mint)
	n.created, n.updated = wire.AtNanos(c.Now), wire.AtNanos(c.Now)
	n.begin(statusPending, move{due: c.Now.Add(c.Settings.Delays.Namespace), status: statusReady, stamp: wire.At})
	p.namespaces.Put(n.id, n)
	return c.answerWritten(n)
}

func (c *call) newNamespace(name, project string) *Namespace {
	return &Namespace{id: c.Mint.UUID(), name: name, project: project}
}

// taken tells whether a project has a namespace of that name.
func (p *Product) taken(project, name string) bool {
	return len(p.namespaces.All(func(n *Namespace) bool {
		return n.project == project && n.name == name && n.status != statusDeleting
	})) > 0
}

func (a *v1beta1) getNamespace(c *call, p *Product) (any, error) {
	n, err := a.namespace(c, p, c.Request.PathValue("namespace_id"))
	if err != nil {
		return nil, err
	}
	return c.namespaceV1beta1(n), nil
}

func (a *v1beta1) updateNamespace(c *call, p *Product) (any, error) {
	var in struct {
		Description *string            `json:"description"`
		Env         *map[string]string `json:"environment_variables"`
		Secrets     []secretInput      `json:"secret_environment_variables"`
		Tags        *[]string          `json:"tags"`
	}
	n, err := a.namespace(c, p, c.Request.PathValue("namespace_id"))
	if err != nil {
		return nil, err
	}
	if err := a.standing(&n.life, "Namespace"); err != nil {
		return nil, err
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	wire.Set(&n.description, in.Description)
	wire.Set(&n.tags, in.Tags)
	wire.Set(&n.env, in.Env)
	n.env, n.tags = wire.OrEmptyMap(n.env), wire.OrEmpty(n.tags)
	n.secrets = n.secrets.merge(in.Secrets, c.Mint)
	n.updated = wire.AtNanos(c.Now)
	// Touching either kind of variable makes it pending; a description or tags
	// do not (docs/scaleway.md, Functions). An empty list of secrets touches
	// nothing.
	if in.Env != nil || len(in.Secrets) > 0 {
		n.begin(statusPending, move{due: c.Now.Add(c.Settings.Delays.Namespace), status: statusReady, stamp: wire.At})
		c.redeployIn(p, n, wire.At)
	}
	return c.answerWritten(n)
}

func (a *v1beta1) deleteNamespace(c *call, p *Product) (any, error) {
	n, err := a.namespace(c, p, c.Request.PathValue("namespace_id"))
	if err != nil {
		return nil, err
	}
	if n.status != statusDeleting {
		p.vanishNamespace(n, c.Now.Add(c.Settings.Delays.Gone))
		n.updated = wire.AtNanos(c.Now)
	}
	return c.answerWritten(n)
}

// namespaceV1 is a namespace of containers v1: without registry, and never
// seen with an error message (docs/scaleway.md, Containers).
type namespaceV1 struct {
	ID                string            `json:"id"`
	Name              string            `json:"name"`
	OrganizationID    string            `json:"organization_id"`
	ProjectID         string            `json:"project_id"`
	Description       string            `json:"description"`
	Status            string            `json:"status"`
	Environment       map[string]string `json:"environment_variables"`
	SecretEnvironment map[string]string `json:"secret_environment_variables"`
	Tags              []string          `json:"tags"`
	CreatedAt         wire.Stamp        `json:"created_at"`
	UpdatedAt         wire.Stamp        `json:"updated_at"`
	Region            string            `json:"region"`
}

func (c *call) viewNamespaceV1(n *Namespace) namespaceV1 {
	return namespaceV1{
		ID: n.id, Name: n.name, OrganizationID: c.OrganizationID, ProjectID: n.project, Description: n.description,
		Status: v1Status(&n.life), Environment: n.env, SecretEnvironment: c.hashedMap(n.secrets), Tags: n.tags,
		CreatedAt: n.created, UpdatedAt: n.updated, Region: c.Region,
	}
}

// nameV1 checks a name of containers v1, with the limits of v1beta1 (A25).
func nameV1(kind, name string) error {
	switch {
	case name == "":
		return wire.Invalid("name", "required", "name is required")
	case len(name) > longestName(kind):
		return wire.Invalid("name", "constraint", "name is too long")
	default:
		return nil
	}
}

func (c *call) namespaceV1(p *Product, id string) (*Namespace, error) {
	n := p.namespaces.Get(id)
	if n == nil {
		return nil, wire.NotFound("namespace", id)
	}
	return n, c.AuthorizeOn(n.project, n.id, n.name)
}

func listNamespacesV1(c *call, p *Product) (any, error) {
	rows, err := c.searchNamespaces(p)
	if err != nil {
		return nil, err
	}
	return rendered(c, "namespaces", rows, func(n *Namespace) any { return c.viewNamespaceV1(n) })
}

func getNamespaceV1(c *call, p *Product) (any, error) {
	n, err := c.namespaceV1(p, c.Request.PathValue("namespace_id"))
	if err != nil {
		return nil, err
	}
	return c.viewNamespaceV1(n), nil
}

func createNamespaceV1(c *call, p *Product) (any, error) {
	var in struct {
		Name        string            `json:"name"`
		Project     string            `json:"project_id"`
		Description string            `json:"description"`
		Env         map[string]string `json:"environment_variables"`
		Secrets     map[string]string `json:"secret_environment_variables"`
		Tags        []string          `json:"tags"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	project := in.Project
	if project == "" {
		project = c.projects.Default()
	}
	if !c.projects.Has(project) {
		return nil, wire.NotFound("project", project)
	}
	if err := c.Authorize(project); err != nil {
		return nil, err
	}
	if err := nameV1("Namespace", in.Name); err != nil {
		return nil, err
	}
	if p.taken(project, in.Name) {
		return nil, wire.Exists("namespace", "", "a namespace with this name exists in the project")
	}
	n := c.newNamespace(in.Name, project)
	n.slug = slug(in.Name, n.id[:8])
	n.description, n.env, n.tags = in.Description, wire.OrEmptyMap(in.Env), wire.OrEmpty(in.Tags)
	n.secrets = n.secrets.replace(in.Secrets, c.Mint)
	n.created, n.updated = wire.At(c.Now), wire.At(c.Now)
	// Its reconciliation leaves updated_at alone, unlike a container's.
	n.begin(statusPending, move{due: c.Now.Add(c.Settings.Delays.Namespace), status: statusReady})
	p.namespaces.Put(n.id, n)
	return c.viewNamespaceV1(n), nil
}

func updateNamespaceV1(c *call, p *Product) (any, error) {
	var in struct {
		Description *string            `json:"description"`
		Env         *map[string]string `json:"environment_variables"`
		Secrets     *map[string]string `json:"secret_environment_variables"`
		Tags        *[]string          `json:"tags"`
	}
	n, err := c.namespaceV1(p, c.Request.PathValue("namespace_id"))
	if err != nil {
		return nil, err
	}
	if err := standingV1(&n.life, "namespace", n.id); err != nil {
		return nil, err
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	wire.Set(&n.description, in.Description)
	wire.Set(&n.env, in.Env)
	wire.Set(&n.tags, in.Tags)
	n.env, n.tags = wire.OrEmptyMap(n.env), wire.OrEmpty(n.tags)
	if in.Secrets != nil {
		n.secrets = n.secrets.replace(*in.Secrets, c.Mint)
	}
	n.updated = wire.At(c.Now)
	if in.Env != nil || in.Secrets != nil {
		n.rewritten = true
		n.begin(statusPending, move{due: c.Now.Add(c.Settings.Delays.Namespace), status: statusReady})
		c.redeployIn(p, n, wire.AtSecond)
	}
	return c.viewNamespaceV1(n), nil
}

func deleteNamespaceV1(c *call, p *Product) (any, error) {
	n, err := c.namespaceV1(p, c.Request.PathValue("namespace_id"))
	if err != nil {
		return nil, err
	}
	if n.status != statusDeleting {
		p.vanishNamespace(n, c.Now.Add(c.Settings.Delays.Gone))
		n.updated = wire.At(c.Now)
	}
	return c.viewNamespaceV1(n), nil
}
