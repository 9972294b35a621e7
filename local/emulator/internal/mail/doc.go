// Package mail is the part of Transactional Email that sends: POST of one e-mail to
// some recipients. It answers as the SDK has it (A92), delivers nothing, and keeps what
// it was sent for whoever looks. It knows no other product.
package mail
