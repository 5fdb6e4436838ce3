// Command simulator runs stand-ins for Alibaba Cloud DNS and Tencent Cloud DNSPod and a DNS over the same records. When all of
// them listen it prints one line of JSON with their addresses, and it ends on SIGINT or SIGTERM. Its admin API is described in
// package admin beside it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "simulator:", err)
		os.Exit(1)
	}
}
