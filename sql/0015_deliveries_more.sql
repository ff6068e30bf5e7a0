-- How many events of a flight were counted as missed: they were deleted before they were delivered.
ALTER TABLE tavus.flights ADD missed int NOT NULL DEFAULT 0;
