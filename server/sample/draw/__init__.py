"""Pictures of the sample catalog, one function per kind of object. Never reads or writes files."""
