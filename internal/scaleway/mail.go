package scaleway

import (
	"context"
	"errors"

	tem "github.com/scaleway/scaleway-sdk-go/api/tem/v1alpha1"
	"github.com/scaleway/scaleway-sdk-go/scw"
)

// SendMail sends one e-mail to some recipients, by Transactional Email, in the project.
// POST /transactional-email/v1alpha1/regions/{region}/emails.
func (c *Client) SendMail(ctx context.Context, from string, to []string, subject, text string) error {
	request := &tem.CreateEmailRequest{
		Region: scw.RegionFrPar, ProjectID: c.project, From: &tem.CreateEmailRequestAddress{Email: from}, Subject: subject, Text: text,
	}
	for _, address := range to {
		request.To = append(request.To, &tem.CreateEmailRequestAddress{Email: address})
	}
	got, err := c.mail.CreateEmail(request, scw.WithContext(ctx))
	if err == nil && len(got.Emails) != len(to) {
		err = errors.New("the answer is not that to these recipients")
	}
	return failure("send an e-mail", needMail, err)
}
