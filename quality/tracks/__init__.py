"""Agreement of two annotators on what moves through a video: the same objects, frame by frame, under the same identity."""
