package api

import (
	"strconv"
	"unicode/utf8"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// Begin is how every creation in IAM and account starts: rights, body,
// organization.
func (c *Call) Begin(in any, organization *string) error {
	if err := c.Authorize(""); err != nil {
		return err
	}
	if err := c.Decode(in); err != nil {
		return err
	}
	return c.OwnOrganization(*organization)
}

// OwnOrganization refuses calls about an organization other than the
// caller's. Not naming one means the own (the SDK always names one).
func (c *Call) OwnOrganization(id string) error {
	if id != "" && id != c.OrganizationID {
		return c.Forbidden()
	}
	return nil
}

// The limits of IAM's texts and tags (docs/scaleway.md, Applications).
const (
	nameLimit        = 64
	DescriptionLimit = 200
	tagLimit         = 10
)

// CheckTexts checks those of name, description and tags that are given. How
// the real API words these refusals is not recorded (A11).
func CheckTexts(name, description *string, tags *[]string) error {
	if name != nil {
		if *name == "" {
			return wire.Invalid("name", "required", "name is required")
		}
		if utf8.RuneCountInString(*name) > nameLimit {
			return wire.Invalid("name", "constraint", "must be at most "+strconv.Itoa(nameLimit)+" characters")
		}
	}
	if description != nil && utf8.RuneCountInString(*description) > DescriptionLimit {
		return wire.Invalid("description", "constraint", "must be at most "+strconv.Itoa(DescriptionLimit)+" characters")
	}
	if tags != nil && len(*tags) > tagLimit {
		return wire.Invalid("tags", "constraint", "must hold at most "+strconv.Itoa(tagLimit)+" tags")
	}
	return nil
}
