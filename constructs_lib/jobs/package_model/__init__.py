"""Put inference code into a PyTorch model archive, as ``code/``, without unpacking it to disk.

Runs as a SageMaker Processing job in the scikit-learn container: Python 3.8 or later and its
standard library, nothing of this app::

    package_model.zip --model model.tar.gz --code inference_code/ --output packaged/model.tar.gz

The output is one gzip stream: first the code, then the model's own members, byte for byte, without
any ``code/`` they had. Inside gzip is a row of deflate blocks, and a block stays valid as long as
the 32 KiB before it stay the same. So the model's blocks are copied as they are, and only those
around a change are compressed anew; what takes the time is to inflate the model once to verify it.

    file -> ByteSource -> Segments -> TarScanner (finds the edits) -> Splicer -> GzipSink -> NewFile

Refused, with one line that names the member and the reason: whatever is damaged, whatever could
make a reader write outside of the folder it unpacks to, or fill its disk, and whatever readers
understand differently. The output appears under its name only after all of the input was read and
checked.
"""
