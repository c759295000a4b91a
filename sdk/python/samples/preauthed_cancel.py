# -*- coding: utf-8 -*-
from webapi.DefaultOpenApiClient import DefaultOpenApiClient
url = "https://api-mop.chinaums.com/v1/netpay/bills/preauthed-cancel"
class DataRequest(object):
    def __init__(self, data: dict) -> dict:
        self.data = data
        self.serviceCode = url[len(url.split("/v")[0])+len(url.split("/")[3])+1: len(url)]
        self.apiVersion = url.split("/")[3]
        self.needToken = True
        self.needDataTag = True
appId="平台分配"
appKey="平台分配"
client = DefaultOpenApiClient(appId, appKey)
cls = DataRequest({"requestTimestamp":"2022-04-21 15:00:52",
"mid":"898201612345678",
"tid":"88880001",
"instMid":"QRPAYDEFAULT",
"billNo":"",
"billDate":"",
"merOrderId":"327M22061819820261705544110",
"authIdRespCd":"",
"msgId":"",
"srcReserve":""})
response = client.execute(cls)
print(str(response.get("data")))
print(response.get("errCode"))
print(response.get("errInfo"))
print(response.get("resultCode"))
print(response.get("resultInfo"))
