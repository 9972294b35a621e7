package scaleway

import (
	"context"

	iam "github.com/scaleway/scaleway-sdk-go/api/iam/v1alpha1"
	"github.com/scaleway/scaleway-sdk-go/scw"
)

// User is a person in the organization.
type User struct {
	ID    string
	Name  string
	Owner bool // of the organization: may do everything, without a policy
}

// Users lists the organization's users. GET /iam/v1alpha1/users.
func (c *Client) Users(ctx context.Context) ([]User, error) {
	found, err := every(ctx, c, func(x *iam.User) string { return x.ID }, func(page *int32) ([]*iam.User, uint64, error) {
		resp, err := c.iam.ListUsers(&iam.ListUsersRequest{
			OrganizationID: &c.organization, OrderBy: iam.ListUsersRequestOrderByCreatedAtAsc, Page: page, PageSize: scw.Uint32Ptr(pageSize),
		}, scw.WithContext(ctx))
		if err != nil {
			return nil, 0, err
		}
		return resp.Users, uint64(resp.TotalCount), nil
	})
	if err != nil {
		return nil, failure("list the organization's users", needIAMRead, err)
	}
	users := make([]User, 0, len(found))
	for _, u := range found {
		// One of another organization may stand there as a guest: it is what the
		// policies here make of it, like the others.
		users = append(users, User{ID: u.ID, Name: u.Username, Owner: u.Type == iam.UserTypeOwner && u.OrganizationID == c.organization})
	}
	return users, nil
}
