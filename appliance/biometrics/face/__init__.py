"""Faces: found, judged by ISO/IEC 29794-5, cropped and recorded by ISO/IEC 19794-5, compared one to one."""
