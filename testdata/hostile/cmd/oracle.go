package main

import "context"

func (o *options) compare(ctx context.Context) error { return nil }
