package scaleway

import (
	"context"
	"strings"

	container "github.com/scaleway/scaleway-sdk-go/api/container/v1"
	function "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"
)

// Product is one of the two serverless products.
type Product string

// The products, as their API's paths name them.
const (
	Functions  Product = "functions"
	Containers Product = "containers"
)

// PrivateAccess is the permission set that lets a key call the product's
// private endpoints.
func (p Product) PrivateAccess() string {
	if p == Functions {
		return "FunctionsPrivateAccess"
	}
	return "ContainersPrivateAccess"
}

// One is the product's name for a single resource: function or container.
func (p Product) One() string { return strings.TrimSuffix(string(p), "s") }

// Namespace is a namespace of functions or of containers, in this project.
type Namespace struct {
	Product Product
	ID      string
	Name    string
	Region  string
}

// Resource is a function or a container.
type Resource struct {
	Product   Product
	ID        string
	Name      string
	Region    string
	Namespace Namespace
	Private   bool
	Ready     bool   // its status is ready
	Status    string // as the API says
	Host      string // of the default endpoint
	// HostMayBeOff: the default endpoint is said to be disabled; old answers
	// say so of every container (FACTS section 5).
	HostMayBeOff bool
	PlainHTTP    bool              // it serves plain HTTP too
	HealthPath   string            // a container's HTTP health check, or ""
	Env          map[string]string // plain environment variables
	Domains      []Domain          // filled by the caller
}

// Domain is a custom domain of a function or container.
type Domain struct {
	Host       string
	ResourceID string
	Ready      bool
}

// Regions returns the regions in which the product's API exists.
func (c *Client) Regions(p Product) []string {
	known := c.functions.Regions()
	if p == Containers {
		known = c.containers.Regions()
	}
	return names(known)
}

// TokenRegions returns the regions in which the product has legacy tokens:
// for containers, those of the old API.
func (c *Client) TokenRegions(p Product) []string {
	if p == Containers {
		return names(c.containersBeta.Regions())
	}
	return names(c.functions.Regions())
}

func names(regions []scw.Region) []string {
	out := make([]string, 0, len(regions))
	for _, r := range regions {
		out = append(out, r.String())
	}
	return out
}

// Namespaces lists the project's namespaces of one product in a region.
// GET /functions/v1beta1/…/namespaces or /containers/v1/…/namespaces.
func (c *Client) Namespaces(ctx context.Context, p Product, region string) ([]Namespace, error) {
	var namespaces []Namespace
	add := func(id, name, project string) {
		if project == c.project {
			namespaces = append(namespaces, Namespace{Product: p, ID: id, Name: name, Region: region})
		}
	}
	act := "list the " + p.One() + " namespaces in " + region
	if p == Functions {
		resp, err := c.functions.ListNamespaces(&function.ListNamespacesRequest{
			Region: scw.Region(region), ProjectID: &c.project,
			OrderBy: function.ListNamespacesRequestOrderByCreatedAtAsc, PageSize: scw.Uint32Ptr(pageSize),
		}, scw.WithContext(ctx), scw.WithAllPages())
		if err != nil {
			return nil, failure(act, needFunctions, err)
		}
		for _, n := range resp.Namespaces {
			if n != nil {
				add(n.ID, n.Name, n.ProjectID)
			}
		}
	} else {
		resp, err := c.containers.ListNamespaces(&container.ListNamespacesRequest{
			Region: scw.Region(region), ProjectID: &c.project,
			OrderBy: container.ListNamespacesRequestOrderByCreatedAtAsc, PageSize: scw.Uint32Ptr(pageSize),
		}, scw.WithContext(ctx), scw.WithAllPages())
		if err != nil {
			return nil, failure(act, needContainers, err)
		}
		for _, n := range resp.Namespaces {
			if n != nil {
				add(n.ID, n.Name, n.ProjectID)
			}
		}
	}
	return once(namespaces, func(n Namespace) string { return n.ID }), nil
}

// Resources lists the project's functions or containers in a region, by the
// namespaces that Namespaces found there.
// GET /functions/v1beta1/…/functions or /containers/v1/…/containers.
func (c *Client) Resources(ctx context.Context, p Product, region string, namespaces []Namespace) ([]Resource, error) {
	ours := make(map[string]Namespace, len(namespaces))
	for _, n := range namespaces {
		ours[n.ID] = n
	}
	var (
		found []Resource
		err   error
	)
	if p == Functions {
		found, err = c.listFunctions(ctx, region)
	} else {
		found, err = c.listContainers(ctx, region)
	}
	if err != nil {
		return nil, err
	}
	var resources []Resource
	for _, r := range found {
		if namespace, ok := ours[r.Namespace.ID]; ok {
			r.Namespace = namespace
			resources = append(resources, r)
		}
	}
	return once(resources, func(r Resource) string { return r.ID }), nil
}

func (c *Client) listFunctions(ctx context.Context, region string) ([]Resource, error) {
	resp, err := c.functions.ListFunctions(&function.ListFunctionsRequest{
		Region: scw.Region(region), ProjectID: &c.project,
		OrderBy: function.ListFunctionsRequestOrderByCreatedAtAsc, PageSize: scw.Uint32Ptr(pageSize),
	}, scw.WithContext(ctx), scw.WithAllPages())
	if err != nil {
		return nil, failure("list the functions in "+region, needFunctions, err)
	}
	var found []Resource
	for _, f := range resp.Functions {
		if f == nil {
			continue
		}
		found = append(found, Resource{
			Product: Functions, ID: f.ID, Name: f.Name, Region: region, Namespace: Namespace{ID: f.NamespaceID},
			Private: f.Privacy == function.FunctionPrivacyPrivate, Ready: f.Status == function.FunctionStatusReady,
			Status: f.Status.String(), Host: f.DomainName,
			PlainHTTP: f.HTTPOption == function.FunctionHTTPOptionEnabled, Env: f.EnvironmentVariables,
		})
	}
	return found, nil
}

func (c *Client) listContainers(ctx context.Context, region string) ([]Resource, error) {
	resp, err := c.containers.ListContainers(&container.ListContainersRequest{
		Region: scw.Region(region), ProjectID: &c.project,
		OrderBy: container.ListContainersRequestOrderByCreatedAtAsc, PageSize: scw.Uint32Ptr(pageSize),
	}, scw.WithContext(ctx), scw.WithAllPages())
	if err != nil {
		return nil, failure("list the containers in "+region, needContainers, err)
	}
	var found []Resource
	for _, k := range resp.Containers {
		if k == nil {
			continue
		}
		r := Resource{
			Product: Containers, ID: k.ID, Name: k.Name, Region: region, Namespace: Namespace{ID: k.NamespaceID},
			Private: k.Privacy == container.ContainerPrivacyPrivate, Ready: k.Status == container.ContainerStatusReady,
			Status: k.Status.String(), Host: hostOf(k.PublicEndpoint), HostMayBeOff: !k.DefaultPublicEndpointEnabled,
			PlainHTTP: !k.HTTPSConnectionsOnly, Env: k.EnvironmentVariables,
		}
		if k.LivenessProbe != nil && k.LivenessProbe.HTTP != nil {
			r.HealthPath = k.LivenessProbe.HTTP.Path
		}
		found = append(found, r)
	}
	return found, nil
}

// hostOf takes the host out of containers v1's public_endpoint, a URL; the old
// API's bare host passes as it is.
func hostOf(endpoint string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(endpoint, "https://"), "/")
	return host
}

// FunctionDomains lists the custom domains of one function; the API has no
// list for a whole project. GET /functions/v1beta1/…/domains.
func (c *Client) FunctionDomains(ctx context.Context, r Resource) ([]Domain, error) {
	resp, err := c.functions.ListDomains(&function.ListDomainsRequest{
		Region: scw.Region(r.Region), FunctionID: r.ID, PageSize: scw.Uint32Ptr(pageSize),
		OrderBy: function.ListDomainsRequestOrderByCreatedAtAsc,
	}, scw.WithContext(ctx), scw.WithAllPages())
	if err != nil {
		return nil, failure("list the domains of function "+r.Name, needFunctions, err)
	}
	var domains []Domain
	for _, d := range resp.Domains {
		if d != nil && d.FunctionID == r.ID {
			domains = append(domains, Domain{Host: d.Hostname, ResourceID: r.ID, Ready: d.Status == function.DomainStatusReady})
		}
	}
	return once(domains, func(d Domain) string { return d.Host }), nil
}

// ContainerDomains lists the custom domains of the project's containers in a
// region. A domain names nothing but its container, so it cannot be filtered
// again here: callers keep those of containers they know.
// GET /containers/v1/…/domains.
func (c *Client) ContainerDomains(ctx context.Context, region string) ([]Domain, error) {
	resp, err := c.containers.ListDomains(&container.ListDomainsRequest{
		Region: scw.Region(region), ProjectID: &c.project, PageSize: scw.Uint32Ptr(pageSize),
		OrderBy: container.ListDomainsRequestOrderByCreatedAtAsc,
	}, scw.WithContext(ctx), scw.WithAllPages())
	if err != nil {
		return nil, failure("list the container domains in "+region, needContainers, err)
	}
	var domains []Domain
	for _, d := range resp.Domains {
		if d != nil {
			domains = append(domains, Domain{Host: d.Hostname, ResourceID: d.ContainerID, Ready: d.Status == container.DomainStatusReady})
		}
	}
	return once(domains, func(d Domain) string { return d.ResourceID + " " + d.Host }), nil
}
