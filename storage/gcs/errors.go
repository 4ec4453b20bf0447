package gcs

import (
	"context"
	"errors"
	"io/fs"
	"net/http"

	cloud "cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// opError is what went wrong with an object. It matches both the error of the
// client and what that means in package fs, while only the former is printed.
type opError struct {
	op, name string
	kind     error // nil if err says it all
	err      error
}

func (e *opError) Error() string { return "storage: " + e.op + " " + e.name + ": " + e.err.Error() }

func (e *opError) Unwrap() []error {
	if e.kind == nil {
		return []error{e.err}
	}
	return []error{e.kind, e.err}
}

// wrap names the operation and the object in an error, if there is one. Where
// ctx has ended that is the reason, whatever the client says.
func wrap(ctx context.Context, op, name string, err error) error {
	if err == nil {
		return nil
	}
	if ctxErr := ctx.Err(); ctxErr != nil {
		return contextError(ctx, op, name)
	}
	e := &opError{op: op, name: name, err: err}
	switch {
	case missing(err):
		e.kind = fs.ErrNotExist
	case hasStatus(err, http.StatusUnauthorized, codes.Unauthenticated), hasStatus(err, http.StatusForbidden, codes.PermissionDenied):
		e.kind = fs.ErrPermission
	}
	return e
}

// contextError is the error of an ended context; nil if it has not ended.
func contextError(ctx context.Context, op, name string) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != err {
		return &opError{op: op, name: name, kind: err, err: cause}
	}
	return &opError{op: op, name: name, err: err}
}

func missing(err error) bool {
	return errors.Is(err, cloud.ErrObjectNotExist) || errors.Is(err, cloud.ErrBucketNotExist) ||
		hasStatus(err, http.StatusNotFound, codes.NotFound)
}

func preconditionFailed(err error) bool {
	return hasStatus(err, http.StatusPreconditionFailed, codes.FailedPrecondition)
}

// isStatus tells an answer of the service from the lack of one.
func isStatus(err error) bool {
	var e *googleapi.Error
	_, ok := status.FromError(err)
	return ok || errors.As(err, &e)
}

func hasStatus(err error, http int, grpc codes.Code) bool {
	var e *googleapi.Error
	if errors.As(err, &e) {
		return e.Code == http
	}
	s, ok := status.FromError(err)
	return ok && s.Code() == grpc
}
