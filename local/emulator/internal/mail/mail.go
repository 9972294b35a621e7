package mail

import (
	"net/http"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// region is the only one that the product has, by the SDK.
const region = "fr-par"

// Mail is one that was taken.
type Mail struct {
	Project       string
	From          string
	To            []string
	Subject, Text string
	At            time.Time
}

// Outbox is what was sent. Its methods are called with the emulator's lock held.
type Outbox struct {
	base *api.Base
	sent []Mail
}

// New returns an empty outbox.
func New(b *api.Base) *Outbox { return &Outbox{base: b} }

// Sent are all that were taken, the first one first.
func (o *Outbox) Sent() []Mail { return append([]Mail{}, o.sent...) }

// Route registers what there is of the API.
func (o *Outbox) Route(mux *http.ServeMux) {
	o.base.Handle(mux, "POST /transactional-email/v1alpha1/regions/{region}/emails", permission.CreateEmail, o.create)
}

// address is of a sender or a recipient.
type address struct {
	Email string `json:"email"`
}

func (o *Outbox) create(c *api.Call) (any, error) {
	var in struct {
		From      *address  `json:"from"`
		To        []address `json:"to"`
		Subject   string    `json:"subject"`
		Text      string    `json:"text"`
		ProjectID string    `json:"project_id"`
	}
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if c.Region != region {
		return nil, wire.Message(http.StatusBadRequest, "region is not valid")
	}
	if err := c.Authorize(in.ProjectID); err != nil {
		return nil, err
	}
	if in.From == nil || !strings.Contains(in.From.Email, "@") || len(in.To) == 0 || in.Subject == "" || in.Text == "" {
		return nil, wire.Message(http.StatusBadRequest, "from, to, subject and text are required")
	}
	mail := Mail{Project: in.ProjectID, From: in.From.Email, Subject: in.Subject, Text: in.Text, At: c.Now}
	rows := []any{}
	for _, to := range in.To {
		mail.To = append(mail.To, to.Email)
		rows = append(rows, wire.Object{
			"id": c.Mint.UUID(), "message_id": c.Mint.UUID(), "project_id": in.ProjectID, "mail_from": in.From.Email, "mail_rcpt": to.Email,
			"rcpt_type": "to", "subject": in.Subject, "created_at": wire.At(c.Now), "updated_at": wire.At(c.Now), "status": "new",
			"status_details": nil, "try_count": 0, "last_tries": []any{}, "flags": []any{},
		})
	}
	o.sent = append(o.sent, mail)
	return wire.Object{"emails": rows}, nil
}
