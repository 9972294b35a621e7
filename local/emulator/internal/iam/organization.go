package iam

import (
	"net/http"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// securitySettings are an organization's (docs/scaleway.md, Security settings).
// Only the cap on the life of API keys is enforced here.
type securitySettings struct {
	EnforcePasswordRenewal    bool         `json:"enforce_password_renewal"`
	GracePeriodDuration       wire.Seconds `json:"grace_period_duration"`
	LoginAttemptsBeforeLocked int          `json:"login_attempts_before_locked"`
	MaxLoginSessionDuration   wire.Seconds `json:"max_login_session_duration"`
	MaxKeyLife                wire.Seconds `json:"max_api_key_expiration_duration"` // 0: no cap
}

// defaultSettings have no cap; the other values were never recorded.
func defaultSettings() securitySettings {
	return securitySettings{
		GracePeriodDuration: wire.Seconds(14 * 24 * time.Hour), LoginAttemptsBeforeLocked: 10,
		MaxLoginSessionDuration: wire.Seconds(7 * 24 * time.Hour),
	}
}

func (s *IAM) routeSettings(mux *http.ServeMux) {
	const path = root + "/organizations/{id}/security-settings"
	s.handle(mux, "GET "+path, permission.ReadSettings, getSettings)
	s.handle(mux, "PATCH "+path, permission.WriteSettings, updateSettings)
}

func (c *call) ownSettings() error {
	if err := c.Authorize(""); err != nil {
		return err
	}
	return c.OwnOrganization(c.Request.PathValue("id"))
}

func getSettings(c *call) (any, error) {
	if err := c.ownSettings(); err != nil {
		return nil, err
	}
	return c.iam.settings, nil
}

// updateSettings leaves living keys alone: the cap is held against new ones.
func updateSettings(c *call) (any, error) {
	if err := c.ownSettings(); err != nil {
		return nil, err
	}
	changed := c.iam.settings
	if err := c.Decode(&changed); err != nil { // absent fields keep their value
		return nil, err
	}
	if changed.MaxKeyLife < 0 {
		return nil, wire.Invalid("max_api_key_expiration_duration", "constraint", "must not be negative")
	}
	c.iam.settings = changed
	return c.iam.settings, nil
}

// User is a person; the SDK's fields.
type User struct {
	ID                string     `json:"id"`
	Email             string     `json:"email"`
	Username          string     `json:"username"`
	FirstName         string     `json:"first_name"`
	LastName          string     `json:"last_name"`
	PhoneNumber       string     `json:"phone_number"`
	Locale            string     `json:"locale"`
	CreatedAt         wire.Stamp `json:"created_at"`
	UpdatedAt         wire.Stamp `json:"updated_at"`
	OrganizationID    string     `json:"organization_id"`
	Deletable         bool       `json:"deletable"`
	LastLoginAt       wire.Stamp `json:"last_login_at"`
	Type              string     `json:"type"` // owner or member
	TwoFactorEnabled  bool       `json:"two_factor_enabled"`
	Status            string     `json:"status"`
	MFA               bool       `json:"mfa"`
	AccountRootUserID string     `json:"account_root_user_id"`
	Tags              []string   `json:"tags"`
	Locked            bool       `json:"locked"`
}

// addUser adds one; the first is the organization's owner.
func (s *IAM) addUser(email, username string, since wire.Stamp) *User {
	u := &User{
		ID: s.base.Mint.UUID(), Email: email, Username: username, Locale: "en_US", CreatedAt: since, UpdatedAt: since,
		OrganizationID: s.base.OrganizationID, Deletable: true, LastLoginAt: since, Type: "member", TwoFactorEnabled: true,
		Status: "activated", MFA: true, AccountRootUserID: s.base.Mint.UUID(), Tags: []string{},
	}
	if s.users.Len() == 0 {
		u.Type, u.Deletable = "owner", false
	}
	s.users.Put(u.ID, u)
	return u
}

func (s *IAM) routeUsers(mux *http.ServeMux) {
	s.handle(mux, "GET "+root+"/users", permission.ReadUser, listUsers)
	s.handle(mux, "GET "+root+"/users/{id}", permission.ReadUser, getUser)
}

func listUsers(c *call) (any, error) {
	if err := c.listing(); err != nil {
		return nil, err
	}
	rows := c.iam.users.All(func(u *User) bool {
		return c.Passes("user_ids", u.ID) && c.Passes("type", u.Type) && c.PassesBool("mfa", u.MFA) && c.PassesTag(u.Tags)
	})
	rows = api.Ordered(c.Call, rows, "created_at_asc", map[string]func(a, b *User) int{
		"created_at": wire.ByTime(func(u *User) wire.Stamp { return u.CreatedAt }),
		"email":      wire.ByText(func(u *User) string { return u.Email }),
		"username":   wire.ByText(func(u *User) string { return u.Username }),
	})
	return c.List("users", wire.Views(rows, func(u *User) any { return u }), api.IAMPaging)
}

func getUser(c *call) (any, error) {
	if err := c.Authorize(""); err != nil {
		return nil, err
	}
	id := c.Request.PathValue("id")
	if u := c.iam.users.Get(id); u != nil {
		return u, nil
	}
	return nil, wire.NotFound("user", id)
}
