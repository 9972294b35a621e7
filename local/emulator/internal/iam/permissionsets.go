package iam

import (
	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/store"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// permissionSet is one as the SDK has it. Its ID is made up, and the same each time.
type permissionSet struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	ScopeType   string   `json:"scope_type"`
	Description string   `json:"description"`
	Categories  []string `json:"categories"`
}

// listPermissionSets lists those that calls to the emulator need. Which right the
// real list asks for was never recorded; reading policies is what a console does
// beside it.
func listPermissionSets(c *call) (any, error) {
	if err := c.listing(); err != nil {
		return nil, err
	}
	var rows []*permissionSet
	for _, name := range permission.Sets() {
		rows = append(rows, &permissionSet{
			ID: store.NewMint(0).For("permission set " + name).UUID(), Name: name, ScopeType: permission.ScopeType([]string{name}), Categories: []string{},
		})
	}
	rows = api.Ordered(c.Call, rows, "name_asc", map[string]func(a, b *permissionSet) int{
		"name": wire.ByText(func(p *permissionSet) string { return p.Name }),
	})
	return c.List("permission_sets", wire.Views(rows, func(p *permissionSet) any { return p }), api.IAMPaging)
}
