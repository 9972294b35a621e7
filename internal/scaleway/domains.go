package scaleway

import (
	"context"
	"slices"

	container "github.com/scaleway/scaleway-sdk-go/api/container/v1"
	function "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"
)

// Domain is a custom domain of a function or container.
type Domain struct {
	Host       string
	ResourceID string
	Ready      bool // it leads somewhere, or may for all that its status says
}

// leads tells whether a custom domain in this status may lead somewhere. A
// status that is not known here says nothing against it.
func leads(status string) bool {
	return !slices.Contains([]string{"creating", "pending", "error", "locked", "deleting"}, status)
}

// FunctionDomains lists the custom domains of one function; the API has no
// list for a whole project. GET /functions/v1beta1/…/domains.
func (c *Client) FunctionDomains(ctx context.Context, r Resource) ([]Domain, error) {
	found, err := every(ctx, c, func(x *function.Domain) string { return x.ID }, func(page *int32) ([]*function.Domain, uint64, error) {
		resp, err := c.functions.ListDomains(&function.ListDomainsRequest{
			Region: scw.Region(r.Region), FunctionID: r.ID, Page: page, PageSize: scw.Uint32Ptr(pageSize),
			OrderBy: function.ListDomainsRequestOrderByCreatedAtAsc,
		}, scw.WithContext(ctx))
		if err != nil {
			return nil, 0, err
		}
		return resp.Domains, uint64(resp.TotalCount), nil
	})
	if err != nil {
		return nil, failure("list the domains of function "+r.Name, needFunctions, err)
	}
	var domains []Domain
	for _, d := range found {
		if d.FunctionID == "" {
			return nil, failure("list the domains of function "+r.Name, needFunctions, missing("domain "+d.ID, "function_id"))
		}
		if d.FunctionID == r.ID {
			domains = append(domains, Domain{Host: d.Hostname, ResourceID: r.ID, Ready: leads(d.Status.String())})
		}
	}
	return domains, nil
}

// ContainerDomains lists the custom domains of the project's containers in a
// region. A domain names nothing but its container, so it cannot be filtered
// again here: callers keep those of containers they know.
// GET /containers/v1/…/domains.
func (c *Client) ContainerDomains(ctx context.Context, region string) ([]Domain, error) {
	found, err := every(ctx, c, func(x *container.Domain) string { return x.ID }, func(page *int32) ([]*container.Domain, uint64, error) {
		resp, err := c.containers.ListDomains(&container.ListDomainsRequest{
			Region: scw.Region(region), ProjectID: &c.project, Page: page, PageSize: scw.Uint32Ptr(pageSize),
			OrderBy: container.ListDomainsRequestOrderByCreatedAtAsc,
		}, scw.WithContext(ctx))
		if err != nil {
			return nil, 0, err
		}
		return resp.Domains, uint64(resp.TotalCount), nil
	})
	if err != nil {
		return nil, failure("list the container domains in "+region, needContainers, err)
	}
	var domains []Domain
	for _, d := range found {
		if d.ContainerID == "" {
			return nil, failure("list the container domains in "+region, needContainers, missing("domain "+d.ID, "container_id"))
		}
		domains = append(domains, Domain{Host: d.Hostname, ResourceID: d.ContainerID, Ready: leads(d.Status.String())})
	}
	return domains, nil
}
