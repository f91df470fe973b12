package journal

// The fields of every message, as journal.proto numbers them.

func (m *Epoch) fields(c *coder) {
	c.uint64(1, &m.Number)
	c.string(2, &m.Owner)
	c.uint32(3, &m.Format)
}

func (m *Accepted) fields(c *coder) {
	c.string(1, &m.Source)
	c.string(2, &m.ID)
	c.string(3, &m.Node)
	c.string(4, &m.Key)
	c.blob(5, &m.Input)
	c.int64(6, &m.Time)
	nested(c, 7, &m.Idempotency)
	list(c, 8, &m.Copies)
	nested(c, 9, &m.Asked)
	c.uint32(10, &m.Routes)
}

func (m *Idempotency) fields(c *coder) {
	c.string(1, &m.Scope)
	c.string(2, &m.Key)
	c.blob(3, &m.Digest)
}

func (m *Handled) fields(c *coder) {
	c.string(1, &m.ID)
	c.string(2, &m.Node)
	c.string(3, &m.Key)
	c.frame(4, &m.Input, m.Message)
	c.uint64(5, &m.InputSeq)
	c.int64(6, &m.Time)
	c.blob(7, &m.Seed)
	c.uint32(8, &m.Attempt)
	c.string(9, &m.Revision)
	outcome := uint32(m.Outcome)
	c.uint32(10, &outcome)
	m.Outcome = Outcome(outcome)
	list(c, 11, &m.State)
	list(c, 12, &m.Outputs)
	list(c, 13, &m.Answers)
	c.uint64(14, &m.Fuel)
	c.int64(15, &m.Duration)
	nested(c, 16, &m.Idempotency)
	c.bool(17, &m.Settles)
	nested(c, 18, &m.Asked)
	c.string(19, &m.Code)
	c.string(20, &m.Reason)
	c.uint32(21, &m.Routes)
}

func (m *StateChange) fields(c *coder) {
	c.string(1, &m.Name)
	c.blob(2, &m.Value)
	c.bool(3, &m.Deleted)
	c.uint64(4, &m.Revision)
	c.uint64(5, &m.Type)
}

func (m *Output) fields(c *coder) {
	c.string(1, &m.To)
	c.uint64(2, &m.Link)
	c.string(3, &m.Key)
	c.int64(4, &m.Due)
	c.frame(5, &m.Frame, m.Message)
	nested(c, 6, &m.Grave)
	c.bool(7, &m.Answers)
}

func (m *Answer) fields(c *coder) {
	c.uint32(1, &m.Call)
	c.string(2, &m.Operation)
	c.string(3, &m.Use)
	c.blob(4, &m.Request)
	c.blob(5, &m.Frame)
	c.int64(6, &m.Duration)
	c.bool(7, &m.Passing)
}

func (m *Dead) fields(c *coder) {
	c.string(1, &m.ID)
	c.string(2, &m.Node)
	c.string(3, &m.Key)
	c.string(4, &m.Code)
	c.string(5, &m.Reason)
	c.uint32(6, &m.Attempt)
	c.int64(7, &m.Time)
	c.blob(8, &m.Input)
	c.uint64(9, &m.InputSeq)
	c.string(10, &m.Revision)
	c.bool(11, &m.Settles)
	c.uint64(12, &m.Fuel)
	c.bool(13, &m.Refused)
}

func (m *AttemptMade) fields(c *coder) {
	c.string(1, &m.ID)
	c.string(2, &m.Node)
	c.string(3, &m.Key)
	c.uint32(4, &m.Attempt)
	c.int64(5, &m.Due)
	c.string(6, &m.Code)
	c.string(7, &m.Reason)
	list(c, 8, &m.Answers)
	c.bool(9, &m.Hold)
	c.int64(10, &m.Time)
	c.uint64(11, &m.Fuel)
	c.string(12, &m.Revision)
}

func (m *Begun) fields(c *coder) {
	c.string(1, &m.ID)
	c.string(2, &m.Node)
	c.string(3, &m.Key)
	c.uint32(4, &m.Attempt)
	c.int64(5, &m.Time)
	list(c, 6, &m.Answers)
}

func (m *Timer) fields(c *coder) {
	c.string(1, &m.ID)
	c.string(2, &m.Node)
	c.string(3, &m.Key)
	c.int64(4, &m.Due)
	c.bool(5, &m.Fired)
	c.blob(6, &m.Frame)
}

func (m *Moved) fields(c *coder) {
	c.uint32(1, &m.Virtual)
	c.string(2, &m.To)
}

func (m *Revision) fields(c *coder) {
	c.string(1, &m.Node)
	c.string(2, &m.Digest)
	c.string(3, &m.Number)
}

func (m *LinkAck) fields(c *coder) {
	c.string(1, &m.Link)
	c.uint64(2, &m.Number)
}

func (m *SnapshotTaken) fields(c *coder) {
	c.uint64(1, &m.Sequence)
	c.string(2, &m.Object)
	c.string(3, &m.Digest)
}

func (m *Packed) fields(c *coder) {
	c.string(1, &m.Blob)
	c.uint64(2, &m.Size)
}

func (m *Grave) fields(c *coder) {
	c.string(1, &m.Node)
	c.string(2, &m.Code)
	c.string(3, &m.Reason)
}

func (m *Asked) fields(c *coder) {
	c.string(1, &m.Flow)
	c.strings(2, &m.Replies)
	c.bool(3, &m.Any)
	c.bool(4, &m.Waits)
	c.uint32(5, &m.Outcome)
	c.blob(6, &m.Reply)
	c.string(7, &m.Code)
	c.string(8, &m.Text)
	c.string(9, &m.Node)
	nested(c, 10, &m.Idempotency)
	c.int64(11, &m.Until)
	c.bool(12, &m.Listed)
	c.bool(13, &m.Fault)
}

func (m *Action) fields(c *coder) {
	c.string(1, &m.Name)
	c.string(2, &m.ID)
	c.string(3, &m.By)
	c.int64(4, &m.Time)
	c.string(5, &m.Node)
	c.string(6, &m.Key)
	c.blob(7, &m.Input)
	list(c, 8, &m.State)
	c.string(9, &m.Reason)
	c.uint32(10, &m.Routes)
}

func (m *Cell) fields(c *coder) {
	c.string(1, &m.Node)
	c.string(2, &m.Key)
	list(c, 3, &m.State)
}

func (m *Waiting) fields(c *coder) {
	c.string(1, &m.Node)
	c.string(2, &m.Key)
	c.blob(3, &m.Frame)
	c.uint64(4, &m.Order)
	c.uint32(5, &m.Attempt)
	c.int64(6, &m.Due)
	c.bool(7, &m.Hold)
	c.bool(8, &m.First)
	list(c, 9, &m.Answers)
	c.bool(10, &m.Apart)
	c.int64(11, &m.Clock)
	list(c, 12, &m.Given)
	c.uint32(13, &m.Routes)
}

func (m *Root) fields(c *coder) {
	c.uint64(1, &m.Sequence)
	c.uint64(2, &m.Epoch)
	c.int64(3, &m.Time)
	c.uint64(4, &m.Order)
	c.uint64(5, &m.DeadEver)
	list(c, 6, &m.Pages)
	c.string(7, &m.Previous)
	c.uint64(8, &m.Before)
	list(c, 9, &m.Routes)
}

func (m *Routes) fields(c *coder) {
	c.uint32(1, &m.Number)
	c.blob(2, &m.Text)
	c.int64(3, &m.Time)
	c.uint32(4, &m.Use)
}

func (m *Page) fields(c *coder) {
	c.uint32(1, &m.Kind)
	c.uint64(2, &m.Low)
	c.string(3, &m.Digest)
	c.uint64(4, &m.Size)
}
