package gcs

import (
	"context"
	"fmt"
	"sync"

	cloud "cloud.google.com/go/storage"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// System is a storage.System on Google Cloud Storage. One serves the scheme gs;
// others can be registered under other schemes, for buckets that need another
// client. It is safe for concurrent use.
type System struct {
	mu     sync.Mutex
	client *cloud.Client
}

var shared = New(nil)

func init() { storage.Register("gs", shared) }

// New returns a System that works through client, which remains the caller's to
// close. With nil it makes one of its own when it is first used.
func New(client *cloud.Client) *System { return &System{client: client} }

// Use makes the scheme gs work through client from now on; nil goes back to a
// client with the default credentials. Objects and uploads that are open keep
// the client that they were opened with. The client remains the caller's to
// close. It is safe for concurrent use.
func Use(client *cloud.Client) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	shared.client = client
}

// bucket gives the handle of a bucket.
func (s *System) bucket(name string) (*cloud.BucketHandle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		// The client refreshes its tokens under this context as long as it lives.
		client, err := cloud.NewClient(context.Background())
		if err != nil {
			return nil, fmt.Errorf("client for Google Cloud Storage: %w", err)
		}
		s.client = client
	}
	return s.client.Bucket(name), nil
}

// object parses the name of an object and gives its handle, set to repeat
// whatever fails for a passing reason.
func (s *System) object(name string) (*cloud.ObjectHandle, error) {
	n, err := parseName(name)
	if err != nil {
		return nil, err
	}
	if err := n.checkObject(); err != nil {
		return nil, err
	}
	b, err := s.bucket(n.bucket)
	if err != nil {
		return nil, err
	}
	return b.Object(n.object).Retryer(cloud.WithPolicy(cloud.RetryAlways)), nil
}
