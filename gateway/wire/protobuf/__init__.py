"""Messages of the gRPC services, generated from the .proto files here by `make protobuf`; never edited."""
