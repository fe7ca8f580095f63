"""One folder per outside system; none imports another, and none imports business."""
