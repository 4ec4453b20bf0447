package inflight

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWaitEndsWithTheWork(t *testing.T) {
	Wait(t.Context())
	a, b := Begin(), Begin()
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	Wait(soon)
	require.Error(t, soon.Err(), "it did not wait")

	ended := make(chan struct{})
	go func() {
		Wait(t.Context())
		close(ended)
	}()
	a()
	select {
	case <-ended:
		require.Fail(t, "it did not wait for all")
	case <-time.After(10 * time.Millisecond):
	}
	b()
	<-ended
	Wait(t.Context())
}
