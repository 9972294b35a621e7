package emulator

import "github.com/scw-key-rotator/rotator/local/emulator/internal/wire"

// namespaceV1 is a namespace of containers v1: without registry, and never
// seen with an error message (FACTS section 5).
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

func (c *call) viewNamespaceV1(n *namespace) namespaceV1 {
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

func (c *call) namespaceV1(p *product, id string) (*namespace, error) {
	n := p.namespaces.Get(id)
	if n == nil {
		return nil, wire.NotFound("namespace", id)
	}
	return n, c.AuthorizeOn(n.project, n.id, n.name)
}

func listNamespacesV1(c *call, p *product) (any, error) {
	rows, err := c.searchNamespaces(p)
	if err != nil {
		return nil, err
	}
	return rendered(c, "namespaces", rows, func(n *namespace) any { return c.viewNamespaceV1(n) })
}

func getNamespaceV1(c *call, p *product) (any, error) {
	n, err := c.namespaceV1(p, c.Request.PathValue("namespace_id"))
	if err != nil {
		return nil, err
	}
	return c.viewNamespaceV1(n), nil
}

func createNamespaceV1(c *call, p *product) (any, error) {
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
		project = c.account.Default()
	}
	if !c.account.Has(project) {
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

func updateNamespaceV1(c *call, p *product) (any, error) {
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

func deleteNamespaceV1(c *call, p *product) (any, error) {
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
