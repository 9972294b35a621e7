package emulator

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
func (n *namespace) registry(region string) (id, endpoint string) {
	if n.registryID == "" || !n.served {
		return "", ""
	}
	return n.registryID, "rg." + region + ".scw.cloud/funcscw" + n.slug
}

func (c *call) namespaceV1beta1(n *namespace) namespaceV1beta1 {
	registryID, registry := n.registry(c.Region)
	return namespaceV1beta1{
		ID: n.id, Name: n.name, Environment: n.env, OrganizationID: c.OrganizationID, ProjectID: n.project,
		Status: n.status, RegistryNamespaceID: registryID, ErrorMessage: n.errorMessage(), RegistryEndpoint: registry,
		Description: n.description, SecretEnvironment: c.hashedList(n.secrets), Tags: n.tags,
		CreatedAt: n.created, UpdatedAt: n.updated, VPC: n.vpc, Region: c.Region,
	}
}

// answerWritten is the answer to a call that wrote n.
func (c *call) answerWritten(n *namespace) (any, error) {
	view := c.namespaceV1beta1(n)
	n.written()
	return view, nil
}

func (a *v1beta1) routeNamespaces(e *Emulator, mux *http.ServeMux) {
	a.handle(e, mux, "GET", "/namespaces", a.listNamespaces)
	a.handle(e, mux, "POST", "/namespaces", a.createNamespace)
	a.handle(e, mux, "GET", "/namespaces/{namespace_id}", a.getNamespace)
	a.handle(e, mux, "PATCH", "/namespaces/{namespace_id}", a.updateNamespace)
	a.handle(e, mux, "DELETE", "/namespaces/{namespace_id}", a.deleteNamespace)
}

func (a *v1beta1) listNamespaces(c *call, p *product) (any, error) {
	rows, err := c.searchNamespaces(p)
	if err != nil {
		return nil, err
	}
	return rendered(c, "namespaces", rows, func(n *namespace) any { return c.namespaceV1beta1(n) })
}

// searchNamespaces is the list of all three APIs.
func (c *call) searchNamespaces(p *product) ([]*namespace, error) {
	rows, err := search(c, p.namespaces.All(nil), func(n *namespace) string { return n.project }, c.scope(p),
		func(n *namespace) bool {
			return c.Passes("project_id", n.project) && c.Passes("organization_id", c.OrganizationID) && c.Passes("name", n.name)
		})
	return api.Ordered(c.Call, rows, "created_at_asc", map[string]func(a, b *namespace) int{
		"name": wire.ByText(func(n *namespace) string { return n.name }),
	}), err
}

func (a *v1beta1) createNamespace(c *call, p *product) (any, error) {
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

func (c *call) newNamespace(name, project string) *namespace {
	return &namespace{id: c.Mint.UUID(), name: name, project: project}
}

// taken tells whether a project has a namespace of that name.
func (p *product) taken(project, name string) bool {
	return len(p.namespaces.All(func(n *namespace) bool {
		return n.project == project && n.name == name && n.status != statusDeleting
	})) > 0
}

func (a *v1beta1) getNamespace(c *call, p *product) (any, error) {
	n, err := a.namespace(c, p, c.Request.PathValue("namespace_id"))
	if err != nil {
		return nil, err
	}
	return c.namespaceV1beta1(n), nil
}

func (a *v1beta1) updateNamespace(c *call, p *product) (any, error) {
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
	// do not (FACTS section 4). An empty list of secrets touches nothing.
	if in.Env != nil || len(in.Secrets) > 0 {
		n.begin(statusPending, move{due: c.Now.Add(c.Settings.Delays.Namespace), status: statusReady, stamp: wire.At})
		c.redeployIn(p, n, wire.At)
	}
	return c.answerWritten(n)
}

func (a *v1beta1) deleteNamespace(c *call, p *product) (any, error) {
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
